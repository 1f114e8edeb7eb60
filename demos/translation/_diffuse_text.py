"""What *Diffusion's way* says."""

TEXT: dict[str, dict[str, str]] = {
    "en": {
        "diffuse.intro": r"**SDEdit** trains nothing. It noises your picture up to a strength, "
        r"$x_t=\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\epsilon$, and lets the text-to-image model of this "
        r"laboratory denoise it: little strength keeps what is yours, much gives what the model would have drawn "
        r"anyway.",
        "diffuse.source": "Begin from",
        "diffuse.source.painted": "your drawing, painted by pix2pix",
        "diffuse.source.outline": "your drawing itself",
        "diffuse.source.own": "your own picture",
        "diffuse.prompt": "Prompt",
        "diffuse.example": "a red apple",
        "diffuse.strength": "Strength: from “mine” (0) to “the model’s” (1)",
        "diffuse.edit.start": "Noise it and denoise it",
        "diffuse.row.start": "Four strengths side by side",
        "diffuse.paint.start": "Paint the covered part anew",
        "diffuse.inpaint": "**Inpainting**: cover a part with the brush and let the model fill it for the prompt. At "
        "every step the rest is put back, noised as much as that step is; at the end its pixels are yours, exactly.",
        "diffuse.mine": "Yours",
        "diffuse.start": "Noised: here it begins",
        "diffuse.step": "Step {i} of {n}",
        "diffuse.result": "Result",
        "diffuse.strength_is": "Strength {value:.1f}",
        "diffuse.covered": "Covered",
        "diffuse.painted": "Painted anew",
        "diffuse.size": "True size {size} × {size} pixels, enlarged smoothly. The steps show the x0 that the model "
        "believes "
        "in.",
        "diffuse.alt.input": "The picture that diffusion begins from.",
        "diffuse.alt.start": "The same picture, noised up to the chosen strength.",
        "diffuse.canvas.canvas": "The picture. The arrow keys move the brush, the space bar covers.",
        "diffuse.canvas.clear": "Uncover all",
        "diffuse.canvas.hint": "Drag over what is to be painted anew",
        "diffuse.published": "The published models go the same way through the same code "
        "(genmodels.translation.sdedit; InstructPix2Pix by genmodels.translation.instruct):",
        "diffuse.ready": "is on this machine.",
        "diffuse.model": "Model",
        "model.emoji-diffusion": "ours, 64 × 64",
        "published": "Published model",
        "download": "Download",
        "downloading": "{file}: {here:.0f} of {total:.0f} MB",
        "downloaded": "{model} is here now: choose it above.",
        "model.stable-diffusion-1-5": "Stable Diffusion 1.5",
        "model.sd-turbo": "SD-Turbo",
        "model.sdxl-turbo": "SDXL-Turbo",
        "model.instruct-pix2pix": "InstructPix2Pix",
    },
    "pt": {
        "diffuse.intro": r"O **SDEdit** não treina nada. Ele põe ruído na sua imagem até certa força, "
        r"$x_t=\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\epsilon$, e deixa o modelo de texto para imagem deste "
        r"laboratório tirar o ruído: pouca força conserva o que é seu; muita dá o que o modelo desenharia de qualquer "
        r"jeito.",
        "diffuse.source": "Começar de",
        "diffuse.source.painted": "seu desenho, pintado pelo pix2pix",
        "diffuse.source.outline": "seu desenho, como está",
        "diffuse.source.own": "sua própria imagem",
        "diffuse.prompt": "Prompt",
        "diffuse.example": "uma maçã vermelha",
        "diffuse.strength": "Força: de “minha” (0) a “do modelo” (1)",
        "diffuse.edit.start": "Pôr ruído e tirar",
        "diffuse.row.start": "Quatro forças lado a lado",
        "diffuse.paint.start": "Pintar de novo a parte coberta",
        "diffuse.inpaint": "**Inpainting**: cubra uma parte com o pincel e deixe o modelo preenchê-la de acordo com o "
        "prompt. A cada passo o resto é posto de volta, com o ruído daquele passo; no fim, os pixels dele são "
        "exatamente os seus.",
        "diffuse.mine": "A sua",
        "diffuse.start": "Com ruído: começa aqui",
        "diffuse.step": "Passo {i} de {n}",
        "diffuse.result": "Resultado",
        "diffuse.strength_is": "Força {value:.1f}",
        "diffuse.covered": "Coberta",
        "diffuse.painted": "Pintada de novo",
        "diffuse.size": "Tamanho real de {size} × {size} pixels, ampliado com suavização. Os passos mostram o x0 em "
        "que o "
        "modelo acredita.",
        "diffuse.alt.input": "A imagem de que a difusão parte.",
        "diffuse.alt.start": "A mesma imagem, com ruído até a força escolhida.",
        "diffuse.canvas.canvas": "A imagem. As setas movem o pincel; a barra de espaço cobre.",
        "diffuse.canvas.clear": "Descobrir tudo",
        "diffuse.canvas.hint": "Arraste sobre o que deve ser pintado de novo",
        "diffuse.published": "Os modelos publicados seguem o mesmo caminho, pelo mesmo código "
        "(genmodels.translation.sdedit; o InstructPix2Pix, por genmodels.translation.instruct):",
        "diffuse.ready": "está nesta máquina.",
        "diffuse.model": "Modelo",
        "model.emoji-diffusion": "o nosso, 64 × 64",
        "published": "Modelo publicado",
        "download": "Baixar",
        "downloading": "{file}: {here:.0f} de {total:.0f} MB",
        "downloaded": "{model} já está aqui: escolha-o acima.",
        "model.stable-diffusion-1-5": "Stable Diffusion 1.5",
        "model.sd-turbo": "SD-Turbo",
        "model.sdxl-turbo": "SDXL-Turbo",
        "model.instruct-pix2pix": "InstructPix2Pix",
    },
}
