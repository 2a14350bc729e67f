import polars as pl

q = (
    pl.scan_csv("sales.csv")
    .with_columns(pl.col("date").str.to_date())
    .group_by("region")
    .agg(pl.col("amount").sum().alias("total"), pl.len().alias("n"))
)
print(q.explain())
df = q.collect()
print(df.sort("region"))
df.sort("region").write_parquet("by_region.parquet")
df.sort("region").write_csv("by_region.csv")
