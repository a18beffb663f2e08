"""Samplers as numerical solvers, without a model.

All of them move in the variance-exploding picture, x = x0 + σ·n, where the probability flow is dx/dσ = (x − D(x, σ)) / σ
and D is the denoised picture. Stable Diffusion's own latents are that divided by √(1 + σ²), so one solver serves
epsilon- and v-prediction, text to image and image to image, and every schedule of σ.
"""
