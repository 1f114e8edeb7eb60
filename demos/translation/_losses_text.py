"""What *The losses* says."""

TEXT: dict[str, dict[str, str]] = {
    "en": {
        "losses.intro": "Your drawing through six networks that learned from the same batches at the same time, each "
        "with another loss. They are narrower than the model above and saw fewer pictures, all equally many. L1 asks "
        "for the mean of all answers; the judge asks for one that could be real; its patch says over how many pixels. "
        "Where both count, L1 weighs 20 times the judge, not the paper’s 100: spectral "
        "normalisation bounds our judges’ gradients.",
        "losses.input": "Your drawing",
        "losses.alt.input": "Your drawing, as the networks get it.",
        "losses.made": "{name}: gradient energy {energy:.3f}",
        "losses.l1": "L1 alone",
        "losses.cgan": "cGAN alone",
        "losses.patch-1": "L1 + cGAN, 1 pixel",
        "losses.patch-16": "L1 + cGAN, 16 pixels",
        "losses.patch-70": "L1 + cGAN, 70 pixels",
        "losses.patch-whole": "L1 + cGAN, whole picture",
        "losses.head.what": "Loss",
        "losses.head.paper": "Paper: accuracy per pixel",
        "losses.head.psnr": "Here: PSNR (dB)",
        "losses.head.energy": "Here: gradient energy",
        "losses.head.frechet": "Here: Fréchet distance",
        "losses.read": "Sharpness on held-out drawings, as gradient energy: L1 {l1:.3f}, L1 + cGAN {both:.3f}, cGAN "
        "alone {cgan:.3f}, the real pictures {real:.3f}. PSNR rewards the mean of all answers, so it likes L1; the "
        "Fréchet distance asks whether the pictures look like the real ones as a set. Pictures seen: {variant:.0f} "
        "thousand by each, {main:.0f} thousand by the model above.",
    },
    "pt": {
        "losses.intro": "O seu desenho passa por seis redes que aprenderam com os mesmos lotes ao mesmo tempo, cada "
        "uma com outra perda. São mais estreitas que o modelo acima e viram menos imagens, todas a mesma quantidade. "
        "A L1 pede a média de todas as respostas; o juiz pede uma que poderia ser real; o patch dele diz em quantos "
        "pixels ele repara. Quando as duas valem, a L1 pesa 20 vezes o juiz, e não 100 como no artigo: a "
        "normalização espectral limita os gradientes dos nossos juízes.",
        "losses.input": "Seu desenho",
        "losses.alt.input": "Seu desenho, como as redes o recebem.",
        "losses.made": "{name}: energia do gradiente {energy:.3f}",
        "losses.l1": "só L1",
        "losses.cgan": "só cGAN",
        "losses.patch-1": "L1 + cGAN, 1 pixel",
        "losses.patch-16": "L1 + cGAN, 16 pixels",
        "losses.patch-70": "L1 + cGAN, 70 pixels",
        "losses.patch-whole": "L1 + cGAN, imagem inteira",
        "losses.head.what": "Perda",
        "losses.head.paper": "Artigo: acurácia por pixel",
        "losses.head.psnr": "Aqui: PSNR (dB)",
        "losses.head.energy": "Aqui: energia do gradiente",
        "losses.head.frechet": "Aqui: distância de Fréchet",
        "losses.read": "Nitidez nos desenhos separados, medida pela energia do gradiente: L1, {l1:.3f}; L1 + cGAN, "
        "{both:.3f}; só cGAN, {cgan:.3f}; as imagens reais, {real:.3f}. O PSNR premia a média de todas as respostas e "
        "por isso gosta da L1; a distância de Fréchet pergunta se as imagens, em conjunto, parecem as reais. Imagens "
        "vistas: {variant:.0f} mil por cada rede, {main:.0f} mil pelo modelo acima.",
    },
}
