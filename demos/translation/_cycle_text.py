"""What *Without pairs* says."""

TEXT: dict[str, dict[str, str]] = {
    "en": {
        "cycle.intro": r"Two heaps of pictures, nobody says which belong together. **CycleGAN** trains $G:A\to B$ and "
        r"$F:B\to A$, a judge for each side, and asks that $F(G(x))\approx x$. Here the same subjects exist in both "
        r"styles, so the true translation is known; no training ever saw it, nor these subjects.",
        "cycle.model": "Trained on",
        "cycle.model.cyclegan-styles": "Emoji: Twemoji and Fluent 3D",
        "cycle.model.cyclegan-fruit": "Photographs: oranges and lemons",
        "cycle.direction": "Direction",
        "cycle.there": "there (→ Fluent 3D, → lemon)",
        "cycle.back": "back (→ Twemoji, → orange)",
        "cycle.own": "Your picture",
        "cycle.needs": "The photographs that it learned from may not be shown here: choose a photograph of an orange "
        "or a lemon of your own.",
        "cycle.input": "Input x",
        "cycle.truth": "The truth, never seen",
        "cycle.error": "Lost on the round trip: {error:.1f} % (yellow: much)",
        "cycle.judge": "The judge, patch by patch: mean {mean:.2f} (0, dark: painted; 1, yellow: real)",
        "cycle.distance": "To the truth: {after:.1f} dB translated, {before:.1f} dB untranslated.",
        "cycle.size": "True size 64 × 64 pixels, enlarged smoothly; each of the judge’s squares answers for 34 × 34 "
        "pixels.",
        "cycle.alt.input": "The picture to be translated.",
        "cycle.alt.there": "Its translation.",
        "cycle.alt.again": "The translation, translated back.",
        "cycle.alt.truth": "The same subject as drawn in the other style.",
        "cycle.alt.error": "Difference of the picture and its round trip, pixel by pixel.",
        "cycle.alt.judge": "How real the judge finds each patch of the translation.",
        "cycle.table": "Twemoji → Fluent 3D on every held-out subject. The variants of the ablation are narrower "
        "networks and saw {variant:.0f} thousand pictures each, the model above {main:.0f} thousand.",
        "cycle.paper": "Paper (tables 1 and 4, labels → Cityscapes, accuracy per pixel): CycleGAN 0.52, without the "
        "cycle 0.51, pix2pix with pairs 0.71.",
        "cycle.head.what": "Translator",
        "cycle.head.psnr": "PSNR to the truth (dB)",
        "cycle.head.feature": "Feature distance",
        "cycle.head.trip": "Error of the round trip",
        "cycle.row.untranslated": "Untranslated",
        "cycle.row.cyclegan-styles": "CycleGAN, the model above",
        "cycle.row.full": "Ablation: all losses",
        "cycle.row.no-cycle": "Ablation: without the cycle",
        "cycle.row.no-identity": "Ablation: without identity",
        "cycle.row.paired": "Ablation: told the pairs (pix2pix)",
    },
    "pt": {
        "cycle.intro": r"Dois montes de imagens, e ninguém diz quais formam par. O **CycleGAN** treina $G:A\to B$ e "
        r"$F:B\to A$, com um juiz de cada lado, e exige que $F(G(x))\approx x$. Aqui os mesmos temas existem nos dois "
        r"estilos; por isso, a tradução verdadeira é conhecida. Nenhum treino a viu, nem viu estes temas.",
        "cycle.model": "Treinado com",
        "cycle.model.cyclegan-styles": "Emojis: Twemoji e Fluent 3D",
        "cycle.model.cyclegan-fruit": "Fotografias: laranjas e limões",
        "cycle.direction": "Sentido",
        "cycle.there": "ida (→ Fluent 3D, → limão)",
        "cycle.back": "volta (→ Twemoji, → laranja)",
        "cycle.own": "Sua imagem",
        "cycle.needs": "As fotografias do treino não podem ser mostradas aqui: escolha uma foto sua de uma laranja ou "
        "de um limão.",
        "cycle.input": "Entrada x",
        "cycle.truth": "A verdade, nunca vista",
        "cycle.error": "Perdido na ida e volta: {error:.1f} % (amarelo: muito)",
        "cycle.judge": "O juiz, patch por patch: média {mean:.2f} (0, escuro: pintado; 1, amarelo: real)",
        "cycle.distance": "Até a verdade: {after:.1f} dB traduzida, {before:.1f} dB sem traduzir.",
        "cycle.size": "Tamanho real de 64 × 64 pixels, ampliado com suavização; cada quadrado do juiz responde por 34 "
        "× 34 pixels.",
        "cycle.alt.input": "A imagem a traduzir.",
        "cycle.alt.there": "A tradução dela.",
        "cycle.alt.again": "A tradução, traduzida de volta.",
        "cycle.alt.truth": "O mesmo tema, desenhado no outro estilo.",
        "cycle.alt.error": "Diferença entre a imagem e sua ida e volta, pixel a pixel.",
        "cycle.alt.judge": "Quão real o juiz acha cada patch da tradução.",
        "cycle.table": "Twemoji → Fluent 3D em todos os temas separados. As variantes da ablação são redes mais "
        "estreitas e viram {variant:.0f} mil imagens cada uma; o modelo acima, {main:.0f} mil.",
        "cycle.paper": "Artigo (tabelas 1 e 4, rótulos → Cityscapes, acurácia por pixel): CycleGAN 0,52; sem o ciclo, "
        "0,51; pix2pix com pares, 0,71.",
        "cycle.head.what": "Tradutor",
        "cycle.head.psnr": "PSNR até a verdade (dB)",
        "cycle.head.feature": "Distância de atributos",
        "cycle.head.trip": "Erro da ida e volta",
        "cycle.row.untranslated": "Sem traduzir",
        "cycle.row.cyclegan-styles": "CycleGAN, o modelo acima",
        "cycle.row.full": "Ablação: todas as perdas",
        "cycle.row.no-cycle": "Ablação: sem o ciclo",
        "cycle.row.no-identity": "Ablação: sem identidade",
        "cycle.row.paired": "Ablação: conhece os pares (pix2pix)",
    },
}
