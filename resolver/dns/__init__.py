"""The wire, pure: names, questions, the record walk, answers, EDNS and EDE, registries."""
