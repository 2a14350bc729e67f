import sqlite3

con = sqlite3.connect("shop.db")
cur = con.cursor()
print(cur.execute("select count(*) from orders").fetchone())
cur.execute("drop table if exists features")
cur.execute("create table features as select customer, sum(price) as total, avg(price) as mean, count(*) as n from orders group by customer")
con.commit()
for row in cur.execute("select * from features order by total desc limit 5"):
    print(row)
con.close()
