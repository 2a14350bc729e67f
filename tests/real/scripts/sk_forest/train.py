"""Random forest on the breast cancer data: hold-out scores, importances, a saved model."""
import joblib
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix
from sklearn.model_selection import train_test_split

data = load_breast_cancer(as_frame=True)
X, y = data.data, data.target
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3)

clf = RandomForestClassifier(n_estimators=60, n_jobs=-1)
clf.fit(X_train, y_train)
pred = clf.predict(X_test)

print(clf)
print("Accuracy:", accuracy_score(y_test, pred))
print(classification_report(y_test, pred, target_names=data.target_names))
print(confusion_matrix(y_test, pred))

imp = pd.Series(clf.feature_importances_, index=X.columns).sort_values(ascending=False)
print(imp.head(10))
imp.to_csv("importances.csv")
joblib.dump(clf, "forest.joblib")
np.save("proba.npy", clf.predict_proba(X_test))
