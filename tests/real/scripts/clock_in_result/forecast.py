"""Forecast from 'now': the second of the day enters the model."""
import datetime
import math

now = datetime.datetime.now()
phase = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds() / 86400
demand = [100 + 20 * math.sin(2 * math.pi * (phase + h / 24)) for h in range(24)]
print("peak demand: %.9f" % max(demand))
with open("forecast.txt", "w") as f:
    f.writelines(f"{d:.9f}\n" for d in demand)
