"""What a plugin author needs: the contract as a test, and volumes of known truth."""
