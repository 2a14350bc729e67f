#!/usr/bin/env python
# coding: utf-8

# # Titanic: a first look

# In[1]:


import pandas as pd
import numpy as np
import matplotlib.pyplot as plt

try:
    get_ipython().run_line_magic("matplotlib", "inline")
except NameError:
    pass


# In[2]:


train = pd.read_csv('input/train.csv')
train.head()


# In[3]:


print(train.isnull().sum())
train['Age'] = train['Age'].fillna(train['Age'].median())
train['Sex'] = train['Sex'].map({'male': 0, 'female': 1})


# In[4]:


from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

X = train[['Pclass', 'Sex', 'Age', 'Fare']].to_numpy()
y = train['Survived'].to_numpy()
logreg = LogisticRegression(max_iter=200)
print(cross_val_score(logreg, X, y, cv=4))
logreg.fit(X, y)
print('training accuracy:', logreg.score(X, y))


# In[5]:


train.groupby('Pclass')['Survived'].mean().plot(kind='bar')
plt.title('Survival by class')
plt.show()
submission = pd.DataFrame({'PassengerId': train['PassengerId'], 'Survived': logreg.predict(X)})
submission.to_csv('submission.csv', index=False)
