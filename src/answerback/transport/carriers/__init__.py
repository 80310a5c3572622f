"""Ways to phones and services that are not ours: SMPP centres, a phone as gateway, a modem, Apprise."""
