"""Build the wardrobe: MakeHuman garments, shoes, hair and hats fitted to the free body."""
