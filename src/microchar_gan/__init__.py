"""Generative networks for microchar: flow matching, a U-net GAN and SliceGAN. They need PyTorch (``microchar[gan]``).

Imports go one way, from the first of these to the last:

- ``plugins``: specs of the generators and of the bundled models. Imports neither PyTorch nor the rest.
- ``gan`` and ``flow``: fitting and generating; they join all of the following.
- ``network_generator``: what they share: budget, device, settings as parameters, weights in a model file.
- ``training``: real slices, losses, steps, scores, checkpoints. Does not import ``tiling``.
- ``tiling``: volumes of any size from a network. Does not import ``training``.
- ``networks``: generators and critics as PyTorch modules, and devices.
- ``settings``: the one list of settings, and the presets. Imports no PyTorch.

``gan`` and ``flow`` import ``plugins`` for the specs; ``plugins`` names them as text only.
"""
