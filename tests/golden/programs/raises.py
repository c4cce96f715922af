print("before", flush=True)
raise ValueError("there is no data")
