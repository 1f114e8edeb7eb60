"""What *From a few examples* says."""

TEXT: dict[str, dict[str, str]] = {
    "en": {
        "few.intro": r"**FUNIT** splits a picture in two: what is drawn (content) and how (style). The style is one "
        r"vector, the mean over the examples: $z=\frac1K\sum_k E_s(y_k)$; the decoder takes its scales and shifts "
        r"from it. So a style that no training saw can be met in a few pictures. Both of OpenMoji’s styles, the lines "
        r"and the coloured one, were held out.",
        "few.k": "K: OpenMoji examples that make the style",
        "few.own": "Yours, from {k}",
        "few.content": "Content (Twemoji)",
        "few.truth": "the real one",
        "few.fluent-3d.plain": "Fluent 3D",
        "few.fluent-3d.blueprint": "Blueprint",
        "few.twemoji.inked bold": "Bold ink",
        "few.twemoji.coarse": "Large pixels",
        "few.size": "True size 64 × 64 pixels, enlarged smoothly. Below, the examples of OpenMoji that were used. The "
        "network is small and knows six drawing styles and 23 looks made from them by rule, some in ink, which "
        "OpenMoji resembles; it takes over lines and tones, hardly ever shapes. Colours are mostly the content’s own, "
        "not those of OpenMoji’s real picture.",
        "few.example": "Example {i}",
        "few.yours": "**Your own style**: choose a few pictures that share a manner.",
        "few.x": "K, examples",
        "few.y": "taken for the style (%)",
        "few.openmoji-line": "OpenMoji’s lines from {k} examples, never trained on",
        "few.openmoji": "OpenMoji in colour from {k} examples, never trained on",
        "few.name.openmoji-line": "OpenMoji’s lines",
        "few.name.openmoji": "OpenMoji in colour",
        "few.curve": "Share that a style classifier takes for {name}. {found}. Its real pictures: {real:.0f} %; "
        "untranslated: {before:.0f} %.",
        "few.key": "{name} (real pictures {real:.0f} %, untranslated {before:.0f} %)",
    },
    "pt": {
        "few.intro": r"O **FUNIT** separa a imagem em duas partes: o que está desenhado (conteúdo) e como (estilo). O "
        r"estilo é um único vetor, a média dos exemplos: $z=\frac1K\sum_k E_s(y_k)$; dele o decodificador tira "
        r"escalas e deslocamentos. Assim, bastam poucas imagens para conhecer um estilo que nenhum treino viu. Os "
        r"dois estilos do OpenMoji, o de traços e o colorido, ficaram fora do treino.",
        "few.k": "K: exemplos do OpenMoji que formam o estilo",
        "few.own": "O seu, com {k}",
        "few.content": "Conteúdo (Twemoji)",
        "few.truth": "o real",
        "few.fluent-3d.plain": "Fluent 3D",
        "few.fluent-3d.blueprint": "Planta azul",
        "few.twemoji.inked bold": "Traço grosso",
        "few.twemoji.coarse": "Pixels grandes",
        "few.size": "Tamanho real de 64 × 64 pixels, ampliado com suavização. Abaixo, os exemplos do OpenMoji que "
        "foram usados. A rede é pequena e conhece seis estilos de desenho e 23 aparências derivadas deles por "
        "regra, algumas a nanquim, parecidas com as do OpenMoji; ela adota traços e tons, quase nunca as formas. As "
        "cores são quase sempre as do conteúdo, não as da imagem real do OpenMoji.",
        "few.example": "Exemplo {i}",
        "few.yours": "**O seu próprio estilo**: escolha algumas imagens feitas do mesmo jeito.",
        "few.x": "K, exemplos",
        "few.y": "aceitas como o estilo (%)",
        "few.openmoji-line": "Traços do OpenMoji com {k} exemplos, fora do treino",
        "few.openmoji": "OpenMoji em cores com {k} exemplos, fora do treino",
        "few.name.openmoji-line": "Traços do OpenMoji",
        "few.name.openmoji": "OpenMoji em cores",
        "few.curve": "Parte que um classificador de estilos aceita como {name}. {found}. As imagens reais: {real:.0f} "
        "%; sem traduzir: {before:.0f} %.",
        "few.key": "{name} (imagens reais {real:.0f} %, sem traduzir {before:.0f} %)",
    },
}
