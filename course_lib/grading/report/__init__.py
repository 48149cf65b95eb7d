"""What a run says about a class: one form for each reader, all made of the same `Results`."""
