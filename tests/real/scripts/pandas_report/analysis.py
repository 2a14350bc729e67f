import os
from datetime import datetime

import matplotlib.pyplot as plt
import pandas as pd

plt.switch_backend("agg")
pd.set_option("display.width", 120)
here = os.path.dirname(os.path.abspath(__file__))
df = pd.read_csv(os.path.join(here, "sales.csv"), parse_dates=["date"])
print(df.info())
print(df.describe())
df["month"] = df["date"].dt.to_period("M").astype(str)
by = df.groupby(["month", "region"]).agg(revenue=("amount", "sum"), orders=("amount", "size")).reset_index()
pivot = by.pivot(index="month", columns="region", values="revenue").fillna(0).round(2)
print(pivot)
os.makedirs("report", exist_ok=True)
by.to_csv("report/by_month.csv", index=False)
by.to_parquet("report/by_month.parquet")
by.to_html("report/by_month.html")
df.to_pickle("report/sales.pkl")
pivot.plot(kind="bar", stacked=True, title="Revenue")
plt.savefig("report/revenue.png", dpi=60)
with open("report/index.html", "w") as f:
    f.write(f"<html><body><h1>Sales</h1><p>Generated on {datetime.now():%Y-%m-%d %H:%M:%S}</p>{pivot.to_html()}</body></html>")
with open("report/summary.md", "w") as f:
    f.write(f"# Summary\n\nReport date: {datetime.now().isoformat()}\n\nTotal revenue: {df.amount.sum():.2f}\n")
