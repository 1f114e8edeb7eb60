"""What *Many answers* says."""

TEXT: dict[str, dict[str, str]] = {
    "en": {
        "vary.intro": "An outline does not say its colours. pix2pix answers with one picture; **BicycleGAN** draws a "
        "code "
        r"$z\sim\mathcal N(0,I)$ of eight numbers and paints $G(x,z)$. An encoder $E$ must find $z$ again in the "
        r"picture, so "
        "that no code is ignored. It is trained on OpenMoji’s outlines.",
        "vary.caption": "{count} answers in {ms:.0f} ms; two of them differ by {apart:.1f} % of the range on average",
        "vary.answers": "Eight answers to your drawing. Click one to take its code in hand.",
        "vary.manners": "The manner of another picture: its code, found by the encoder.",
        "vary.one": "The code in hand",
        "vary.hint": "Drag the point: these two numbers change your drawing most. The bars show how much each one "
        "does.",
        "vary.pad": "Two numbers of the code; the arrow keys change them",
        "vary.effect": "What this number changes in your drawing, beside the strongest one",
        "vary.alt": "Your drawing, painted with the code in hand.",
        "vary.answer": "Answer {i}",
    },
    "pt": {
        "vary.intro": "Um contorno não diz suas cores. O pix2pix responde com uma única imagem; o **BicycleGAN** "
        "sorteia um "
        r"código $z\sim\mathcal N(0,I)$ de oito números e pinta $G(x,z)$. Um codificador $E$ tem de reencontrar $z$ "
        r"na imagem, "
        "para que nenhum código seja ignorado. Foi treinado com os contornos do OpenMoji.",
        "vary.caption": "{count} respostas em {ms:.0f} ms; duas delas diferem, em média, {apart:.1f} % da faixa de "
        "valores",
        "vary.answers": "Oito respostas ao seu desenho. Clique em uma para assumir o código dela.",
        "vary.manners": "O jeito de outra imagem: o código dela, encontrado pelo codificador.",
        "vary.one": "O código escolhido",
        "vary.hint": "Arraste o ponto: esses dois números são os que mais mudam o seu desenho. As barras mostram "
        "quanto cada "
        "um muda.",
        "vary.pad": "Dois números do código; as setas os alteram",
        "vary.effect": "Quanto este número muda no seu desenho, em comparação com o mais forte",
        "vary.alt": "Seu desenho, pintado com o código escolhido.",
        "vary.answer": "Resposta {i}",
    },
}
