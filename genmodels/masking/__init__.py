"""Masking: hide most of a picture and rebuild it (MAE, FCMAE), and what their encoders are good for."""
