# ruff: noqa: E501 - sentences of two languages
"""What the limits say, in English and Portuguese."""

from __future__ import annotations

from demos._i18n import fill

TEXT = {
    "en": {
        "limits.compute": "### Compute\nEvery step is one pass through the whole network, two under guidance. Count and time the picture of your prompt with the settings of *Try*, beside Stable Diffusion 1.5.",
        "limits.compute_run": "Measure this picture",
        "limits.what": "One picture",
        "limits.this": "this one ({model})",
        "limits.sd": "Stable Diffusion 1.5",
        "limits.times": "ratio",
        "limits.row_size": "pixels",
        "limits.row_params": "parameters, text encoder included",
        "limits.row_calls": "passes through the denoiser",
        "limits.row_call": "multiply-adds of a pass",
        "limits.row_decode": "multiply-adds of the decoder",
        "limits.row_total": "multiply-adds in all",
        "limits.row_seconds": "seconds on this machine",
        "limits.row_pictures": "pictures to learn from",
        "limits.row_training": "training",
        "limits.not_here": "not run here",
        "limits.calls": "{steps} steps × {each}",
        "limits.hours_here": "{hours:.1f} hours ({device})",
        "limits.hours_sd": "150,000 hours of an A100",
        "limits.pictures_sd": "2.3 billion (LAION-2B-en)",
        "limits.compute_note": "Both counted in the same way, from the networks' shapes, without the text encoder; Stable Diffusion with 50 guided steps at 512 × 512. Its training figures are its model card's. That picture has {area} times our pixels and takes {ratio} times our multiply-adds.",
        "limits.text": "### Dependence on the text model\nThe network never sees your words, only the vectors that a frozen text encoder makes of them. What the encoder does not tell apart, no picture can tell apart. Change the second phrase and see how far its vector moves from your prompt's.",
        "limits.other": "Another phrase",
        "limits.other_hint": "for example: not a cat",
        "limits.pairs": "Try a pair: <button type='button' class='ti-chip' data-first='cat' data-second='not a cat'>cat · not a cat</button> <button type='button' class='ti-chip' data-first='dog' data-second='puppy'>dog · puppy</button> <button type='button' class='ti-chip' data-first='red car' data-second='blue car'>red car · blue car</button> <button type='button' class='ti-chip' data-first='dog bites man' data-second='man bites dog'>dog bites man · man bites dog</button> <button type='button' class='ti-chip' data-first='bat' data-second='baseball bat'>bat · baseball bat</button>",
        "limits.cosine": "cosine {cosine:.2f}",
        "limits.same": "For the encoder, the two phrases are almost the same.",
        "limits.near": "For the encoder, the two phrases are close.",
        "limits.far": "For the encoder, the two phrases are far apart.",
        "limits.one": "Write two phrases to compare them.",
        "limits.nearest": "Nearest names of “{phrase}”",
        "limits.map_alt": "Map of the vectors of {count} known names in two dimensions, coloured by group, with the phrases “{first}” and “{second}” as points A and B.",
        "limits.map_note": "Two principal components of {count} names, {share:.0f} % of their spread: near on the map is not always near in the 512 dimensions, where the cosine is computed. Rings: the nearest names.",
        "limits.draw": "Draw both",
        "limits.both_alt": "Picture of “{phrase}”, seed {seed}",
        "limits.data": "### Need for data\nThe same small network, trained for the same number of steps on 1 %, 10 % and 100 % of the subjects. Same prompt, same seed, same start noise.",
        "limits.data_run": "Draw with all three",
        "limits.data_missing": "The three models of this comparison are not in this copy yet.",
        "limits.data_head": "{share} % of the subjects",
        "limits.data_subjects": "{subjects} subjects, {pictures} pictures",
        "limits.data_all": "all three saw it",
        "limits.data_not_one": "the 1 % model never saw it",
        "limits.data_yours": "your prompt",
        "limits.data_alt": "“{prompt}” by the model trained on {share} % of the subjects",
        "limits.data_loss": "Loss on its own pictures / on subjects that no model saw",
        "limits.data_note": "With few pictures the network learns them by heart: the loss falls on its own pictures and rises on others, and whatever you ask for looks like one of the few it knows.",
        "limits.group.smileys": "smileys",
        "limits.group.animals": "animals",
        "limits.group.food": "food",
        "limits.group.travel": "travel",
        "limits.group.activities": "activities",
        "limits.group.objects": "objects",
    },
    "pt": {
        "limits.compute": "### Custo de computação\nCada passo é uma passagem pela rede inteira; com orientação (guidance), são duas. Conte e cronometre a imagem do seu prompt com os ajustes de *Experimente*, ao lado do Stable Diffusion 1.5.",
        "limits.compute_run": "Medir esta imagem",
        "limits.what": "Uma imagem",
        "limits.this": "esta ({model})",
        "limits.sd": "Stable Diffusion 1.5",
        "limits.times": "razão",
        "limits.row_size": "pixels",
        "limits.row_params": "parâmetros, com o codificador de texto",
        "limits.row_calls": "passagens pela rede de difusão",
        "limits.row_call": "MACs por passagem",
        "limits.row_decode": "MACs do decodificador",
        "limits.row_total": "MACs no total",
        "limits.row_seconds": "segundos nesta máquina",
        "limits.row_pictures": "imagens de treino",
        "limits.row_training": "treinamento",
        "limits.not_here": "não foi executado aqui",
        "limits.calls": "{steps} passos × {each}",
        "limits.hours_here": "{hours:.1f} horas ({device})",
        "limits.hours_sd": "150.000 horas de uma A100",
        "limits.pictures_sd": "2,3 bilhões (LAION-2B-en)",
        "limits.compute_note": "Os dois foram contados do mesmo modo, a partir das dimensões das redes, sem o codificador de texto; o Stable Diffusion, com 50 passos guiados em 512 × 512. Os números do treinamento dele vêm da sua ficha (model card). Aquela imagem tem {area} vezes os nossos pixels e custa {ratio} vezes os nossos MACs (multiplicações seguidas de soma).",
        "limits.text": "### Dependência do modelo de texto\nA rede nunca vê as suas palavras, só os vetores que um codificador de texto congelado faz delas. O que o codificador não distingue, nenhuma imagem distingue. Mude a segunda frase e veja quanto o vetor dela se afasta do vetor do seu prompt.",
        "limits.other": "Outra frase",
        "limits.other_hint": "por exemplo: não é um gato",
        "limits.pairs": "Experimente um par: <button type='button' class='ti-chip' data-first='gato' data-second='não é um gato'>gato · não é um gato</button> <button type='button' class='ti-chip' data-first='cachorro' data-second='filhote'>cachorro · filhote</button> <button type='button' class='ti-chip' data-first='carro vermelho' data-second='carro azul'>carro vermelho · carro azul</button> <button type='button' class='ti-chip' data-first='o cão morde o homem' data-second='o homem morde o cão'>o cão morde o homem · o homem morde o cão</button> <button type='button' class='ti-chip' data-first='manga' data-second='manga da camisa'>manga · manga da camisa</button>",
        "limits.cosine": "cosseno {cosine:.2f}",
        "limits.same": "Para o codificador, as duas frases são quase iguais.",
        "limits.near": "Para o codificador, as duas frases são próximas.",
        "limits.far": "Para o codificador, as duas frases estão longe uma da outra.",
        "limits.one": "Escreva duas frases para compará-las.",
        "limits.nearest": "Nomes mais próximos de “{phrase}”",
        "limits.map_alt": "Mapa dos vetores de {count} nomes conhecidos em duas dimensões, coloridos por grupo, com as frases “{first}” e “{second}” como pontos A e B.",
        "limits.map_note": "Duas componentes principais de {count} nomes, {share:.0f} % da variância: perto no mapa nem sempre é perto nas 512 dimensões, onde o cosseno é calculado. Anéis: os nomes mais próximos.",
        "limits.draw": "Desenhar as duas",
        "limits.both_alt": "Imagem de “{phrase}”, semente {seed}",
        "limits.data": "### Necessidade de dados\nA mesma rede pequena, treinada pelo mesmo número de passos com 1 %, 10 % e 100 % dos temas. Mesmo prompt, mesma semente, mesmo ruído inicial.",
        "limits.data_run": "Desenhar com as três",
        "limits.data_missing": "Os três modelos desta comparação ainda não estão nesta cópia.",
        "limits.data_head": "{share} % dos temas",
        "limits.data_subjects": "{subjects} temas, {pictures} imagens",
        "limits.data_all": "as três redes viram",
        "limits.data_not_one": "a rede de 1 % nunca viu",
        "limits.data_yours": "seu prompt",
        "limits.data_alt": "“{prompt}” pelo modelo treinado com {share} % dos temas",
        "limits.data_loss": "Perda nas próprias imagens / em temas que nenhuma delas viu",
        "limits.data_note": "Com poucas imagens, a rede as decora: a perda cai nas próprias imagens e sobe nas outras, e tudo o que se pede fica parecido com uma das poucas que ela conhece.",
        "limits.group.smileys": "carinhas",
        "limits.group.animals": "animais",
        "limits.group.food": "comidas",
        "limits.group.travel": "viagens",
        "limits.group.activities": "atividades",
        "limits.group.objects": "objetos",
    },
}


def say(lang: str, key: str, **values: object) -> str:
    """The text "limits.<key>"; any other language than Portuguese reads English."""
    return fill(lang, TEXT[lang if lang in TEXT else "en"][f"limits.{key}"], **values)


def amount(lang: str, value: float) -> str:
    """A large number with two digits and a unit of thousands: 401640000000 -> "402 G"."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return fill(lang, "{:.0f} " + unit if value >= 100 * size else "{:.1f} " + unit, value / size)
    return f"{value:.0f}"


def grouped(lang: str, value: float) -> str:
    """A whole number with the language's thousands separator, rounded to two digits from a hundred on."""
    if value < 10:
        return fill(lang, "{:.1f}", float(value))
    digits = max(0, len(str(int(value))) - 2)
    shown = f"{round(value, -digits):,.0f}"
    return shown.replace(",", ".") if lang == "pt" else shown
