"""What most teams would deploy: FastAPI, Mangum and `transformers` in fp32 on DistilBERT-base.

The weights are random: time and memory do not depend on their values, and the shape is the one of
`distilbert-base-uncased`. `BASELINE_DIR` names the folder that holds them.
"""

import os

import torch
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer


class Review(BaseModel):
    text: str


def make_handler(folder: str) -> Mangum:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    app = FastAPI()

    @app.post("/predict")
    def predict(review: Review) -> dict[str, object]:
        inputs = tokenizer(review.text, truncation=True, max_length=512, return_tensors="pt")
        with torch.no_grad():
            scores = model(**inputs).logits.softmax(dim=-1)[0]
        best = int(scores.argmax())
        return {"sentiment": ("Negative", "Positive")[best], "confidence": float(scores[best])}

    return Mangum(app, lifespan="off")


if folder := os.environ.get("BASELINE_DIR"):
    handler = make_handler(folder)
