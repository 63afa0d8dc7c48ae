"""Trains a classifier of scikit-learn in epochs, and records the training with contexta_ingest.

    pip install scikit-learn
    python examples/python/train.py
    contexta runs
"""

import pickle
import sys
import tempfile
from pathlib import Path

import contexta_ingest as contexta

try:
    from sklearn.datasets import load_digits
    from sklearn.linear_model import SGDClassifier
    from sklearn.metrics import accuracy_score, log_loss
    from sklearn.model_selection import train_test_split
except ImportError:
    sys.exit("this example needs scikit-learn: pip install scikit-learn")


def train(alpha, epochs=20, seed=7):
    images, digits = load_digits(return_X_y=True)
    images = images / 16.0
    parts = train_test_split(images, digits, test_size=0.25, random_state=seed, stratify=digits)
    train_images, test_images, train_digits, test_digits = parts
    params = {"alpha": alpha, "epochs": epochs, "seed": seed, "loss": "log_loss"}
    with contexta.start_run("digits", project="sklearn", params=params, dataset="sklearn.datasets.load_digits") as run:
        model = SGDClassifier(loss="log_loss", alpha=alpha, random_state=seed)
        with run.stage("train") as stage:
            for epoch in range(epochs):
                with stage.span("epoch", epoch=epoch):
                    model.partial_fit(train_images, train_digits, classes=range(10))
                loss = log_loss(train_digits, model.predict_proba(train_images), labels=range(10))
                accuracy = accuracy_score(test_digits, model.predict(test_images))
                stage.metrics({"train/loss": loss, "test/accuracy": accuracy}, step=epoch)
        run.metric("accuracy", accuracy)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "model.pkl"
            path.write_bytes(pickle.dumps(model))
            run.artifact(path, kind="model")
        print(f"{run.ref}: accuracy {accuracy:.3f}")


if __name__ == "__main__":
    for alpha in (1e-4, 1e-3, 1e-2):
        train(alpha)
