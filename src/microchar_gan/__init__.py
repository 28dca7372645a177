"""The U-net GAN and its baseline SliceGAN: generators of microchar that learn with PyTorch (extra ``[gan]``)."""
