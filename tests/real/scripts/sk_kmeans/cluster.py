import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import silhouette_score

np.random.seed(7)
X, _ = make_blobs(n_samples=400, centers=4, cluster_std=1.2)
inertias = []
for k in range(2, 7):
    km = KMeans(n_clusters=k, n_init=3).fit(X)
    inertias.append(km.inertia_)
    print(f"k={k}: inertia={km.inertia_:.4f}, silhouette={silhouette_score(X, km.labels_):.4f}")
mb = MiniBatchKMeans(n_clusters=4, n_init=3).fit(X)
print("minibatch centers:\n", mb.cluster_centers_)
np.savetxt("labels.txt", mb.labels_, fmt="%d")
np.savez_compressed("centers.npz", centers=mb.cluster_centers_, labels=mb.labels_)

fig, ax = plt.subplots(1, 2, figsize=(8, 3))
ax[0].plot(range(2, 7), inertias, "o-")
ax[0].set_title("Elbow")
ax[1].scatter(*X.T, c=mb.labels_, s=8)
plt.tight_layout()
plt.savefig("elbow.png")
plt.savefig("elbow.pdf")
plt.savefig("elbow.svg")
plt.show()
