"""What the teacher's word vectors (all-MiniLM-L6-v2) know of words: a start for the embedding, and more slot values."""

import collections

import torch
import torch.nn.functional as F
from transformers import AutoModel, AutoTokenizer

from tokenizer import FLAG_INNER

# Types whose nearest words are again such values; of the others (`date`, `media_type`, ...) they are not.
KINDRED_TYPES = ["place_name", "person", "food_type", "definition_word", "business_name", "relation", "house_place",
                 "weather_descriptor", "artist_name", "game_name", "ingredient", "business_type"]


class WordVectors:
    def __init__(self, folder):
        self.pieces = AutoTokenizer.from_pretrained(folder)
        self.vectors = AutoModel.from_pretrained(folder, dtype=torch.float32).embeddings.word_embeddings.weight.detach()
        self.vocabulary = self.pieces.get_vocab()

    def common(self, rank):
        """The words of letters among the first `rank` entries of the vocabulary, which is sorted by frequency."""
        return [w for w, i in self.vocabulary.items() if i < rank and w.isascii() and w.isalpha() and len(w) > 1]

    def kindred(self, records, nearest=12, least=0.4):
        """New single words for KINDRED_TYPES: near to a known value, and in no sentence of `records`."""
        known = {word for r in records for word in r["text"].split()}
        words = [w for w, i in self.vocabulary.items() if i > 1000 and w.isascii() and w.isalpha() and len(w) > 2]
        rows = torch.tensor([self.vocabulary[w] for w in words])
        unit = F.normalize(self.vectors - self.vectors[rows].mean(0), dim=1)
        result = {}
        for kind in KINDRED_TYPES:
            values = {e["value"] for r in records for e in r["entities"] if e["type"] == kind}
            values = sorted(v for v in values if v in self.vocabulary)
            if not values:
                continue
            near = (unit[[self.vocabulary[v] for v in values]] @ unit[rows].T).topk(nearest)
            score = collections.Counter()
            for amounts, places in zip(near.values.tolist(), near.indices.tolist()):
                for amount, place in zip(amounts, places):
                    score[words[place]] = max(score[words[place]], amount)
            result[kind] = sorted(w for w, s in score.items() if s > least and w not in known)
        return result

    def neighbours(self, words, nearest=8):
        """The nearest words of letters of each of `words` that the vocabulary holds."""
        words = [w for w in words if w in self.vocabulary]
        others = [w for w, i in self.vocabulary.items() if i > 1000 and w.isascii() and w.isalpha() and len(w) > 1]
        rows = torch.tensor([self.vocabulary[w] for w in others])
        unit = F.normalize(self.vectors - self.vectors[rows].mean(0), dim=1)
        places = (unit[[self.vocabulary[w] for w in words]] @ unit[rows].T).topk(nearest + 1).indices.tolist()
        return {w: [others[i] for i in near if others[i] != w] for w, near in zip(words, places)}

    @torch.no_grad()
    def start(self, model, tokenizer):
        """Sets the fixed vectors of tokens of letters, reduced to the model's width by their principal axes."""
        chosen = {}
        for token, (base, flag) in zip(tokenizer.tokens, tokenizer.factors):
            word = token.lower()
            if flag == FLAG_INNER and word.isascii() and word.isalnum():
                ids = self.pieces(word, add_special_tokens=False).input_ids
                chosen[base] = self.vectors[ids].mean(0)
        rows = torch.stack(list(chosen.values()))
        rows = rows - rows.mean(0)
        width = model.config.width
        axes = torch.linalg.svd(rows, full_matrices=False)[2][:width]
        turned = rows @ axes.T @ torch.linalg.qr(torch.randn(width, width))[0]  # alike spread over all blocks of 32
        model.vectors[list(chosen)] = turned / turned.std() * 0.03
        model.bases[list(chosen)] = 0
        return len(chosen)
