"""What *Measure* and *Predict* say."""

TEXT: dict[str, dict[str, str]] = {
    "en": {
        "measure.intro": "Measured by evaluate translation on pictures that no training saw. Our networks are 25 to "
        "40 times smaller than the papers’ and saw other pictures, so compare the order of the rows, not the numbers.",
        "measure.none": "Nothing was measured yet.",
        "measure.paint": "{count} held-out outlines",
        "measure.psnr": "PSNR (dB)",
        "measure.feature": "Feature distance",
        "measure.energy": "Gradient energy (the real one: {real:.3f})",
        "measure.frechet": "Fréchet distance",
        "measure.row.outline itself": "The outline itself",
        "measure.row.mean colouring": "Mean colour inside the lines",
        "measure.row.pix2pix-outline": "pix2pix",
        "measure.row.bicycle-outline": "BicycleGAN, one code each",
        "measure.what": "Question",
        "measure.paper": "Paper",
        "measure.here": "Measured here",
        "measure.real": "How real do many answers look?",
        "measure.real.paper": "BicycleGAN fools people in 34.3 % of cases, pix2pix with noise in 27.9 % (maps → "
        "satellite)",
        "measure.real.here": "Fréchet distance {many:.2f} beside pix2pix’s {one:.2f}",
        "measure.diverse": "How far apart are two answers to one outline?",
        "measure.diverse.paper": "pix2pix ignores its noise; BicycleGAN does not",
        "measure.diverse.here": "feature distance {many:.3f}; pix2pix with the same code {noise:.4f}, by its dropout "
        "{dropout:.3f}",
        "measure.cycle": "How near to the truth without pairs?",
        "measure.cycle.paper": "accuracy per pixel 0.52; pix2pix with pairs 0.71 (labels → Cityscapes)",
        "measure.cycle.here": "{cycle:.2f} dB; told the pairs {paired:.2f} dB; untranslated {base:.2f} dB",
        "measure.few": "Do a few examples suffice?",
        "measure.few.paper": "more examples are better, up to 20",
        "measure.few.here": "taken for the new style at K = 1, 5, 20: OpenMoji’s lines {line1:.0f} %, {line5:.0f} %, "
        "{line20:.0f} %; OpenMoji in colour {colour1:.0f} %, {colour5:.0f} %, {colour20:.0f} %",
        "measure.time": "How long does one picture take?",
        "measure.time.paper": "the published networks on the same pictures: U-Net 256 {unet:.0f} ms, ResNet "
        "{resnet:.0f} ms",
        "measure.time.here": "pix2pix {one:.1f} ms, eight answers of BicycleGAN {eight:.0f} ms, CycleGAN {cycle:.1f} "
        "ms",
        "question": "The same emoji is drawn in two styles, so we know the true translation, which CycleGAN never saw. "
        "**Which picture is nearest to it, pixel by pixel?**",
        "guess.input": "The input, left as it is",
        "guess.cycle": "CycleGAN’s translation",
        "guess.paired": "The translation of a network that was told the pairs",
        "answer": "Told the pairs: {paired:.2f} dB; CycleGAN: {cycle:.2f} dB; the input itself: {base:.2f} dB. Pairs "
        "say where "
        "each edge goes; cycle consistency only says that nothing may be lost, so a translation can be in the right "
        "style "
        "and still be another drawing than the true one.",
        "answer_none": "The models have not been measured yet.",
    },
    "pt": {
        "measure.intro": "Medido por evaluate translation em imagens que nenhum treino viu. Nossas redes são de 25 a "
        "40 vezes menores que as dos artigos e viram outras imagens; por isso, compare a ordem das linhas, não os "
        "números.",
        "measure.none": "Ainda não há medidas.",
        "measure.paint": "{count} contornos separados",
        "measure.psnr": "PSNR (dB)",
        "measure.feature": "Distância de atributos",
        "measure.energy": "Energia do gradiente (a real: {real:.3f})",
        "measure.frechet": "Distância de Fréchet",
        "measure.row.outline itself": "O próprio contorno",
        "measure.row.mean colouring": "Cor média dentro das linhas",
        "measure.row.pix2pix-outline": "pix2pix",
        "measure.row.bicycle-outline": "BicycleGAN, um código para cada",
        "measure.what": "Pergunta",
        "measure.paper": "Artigo",
        "measure.here": "Medido aqui",
        "measure.real": "Quão reais parecem as várias respostas?",
        "measure.real.paper": "o BicycleGAN engana pessoas em 34,3 % dos casos; o pix2pix com ruído, em 27,9 % (mapas "
        "→ "
        "satélite)",
        "measure.real.here": "distância de Fréchet {many:.2f}, contra {one:.2f} do pix2pix",
        "measure.diverse": "Quão diferentes são duas respostas ao mesmo contorno?",
        "measure.diverse.paper": "o pix2pix ignora o ruído; o BicycleGAN, não",
        "measure.diverse.here": "distância de atributos de {many:.3f}; pix2pix com o mesmo código, {noise:.4f}; com o "
        "dropout dele, {dropout:.3f}",
        "measure.cycle": "Quão perto da verdade se chega sem pares?",
        "measure.cycle.paper": "acurácia por pixel de 0,52; pix2pix com pares, 0,71 (rótulos → Cityscapes)",
        "measure.cycle.here": "{cycle:.2f} dB; conhecendo os pares, {paired:.2f} dB; sem traduzir, {base:.2f} dB",
        "measure.few": "Bastam poucos exemplos?",
        "measure.few.paper": "mais exemplos ajudam, até 20",
        "measure.few.here": "aceito como o estilo novo com K = 1, 5, 20: traços do OpenMoji, {line1:.0f} %, "
        "{line5:.0f} %, "
        "{line20:.0f} %; OpenMoji em cores, {colour1:.0f} %, {colour5:.0f} %, {colour20:.0f} %",
        "measure.time": "Quanto tempo leva uma imagem?",
        "measure.time.paper": "as redes publicadas, nas mesmas imagens: U-Net 256, {unet:.0f} ms; ResNet, "
        "{resnet:.0f} ms",
        "measure.time.here": "pix2pix, {one:.1f} ms; oito respostas do BicycleGAN, {eight:.0f} ms; CycleGAN, "
        "{cycle:.1f} ms",
        "question": "O mesmo emoji existe em dois estilos; portanto, conhecemos a tradução verdadeira, que o CycleGAN "
        "nunca "
        "viu. **Qual imagem fica mais perto dela, pixel a pixel?**",
        "guess.input": "A entrada, do jeito que está",
        "guess.cycle": "A tradução do CycleGAN",
        "guess.paired": "A tradução de uma rede que conheceu os pares",
        "answer": "Conhecendo os pares: {paired:.2f} dB; CycleGAN: {cycle:.2f} dB; a própria entrada: {base:.2f} dB. "
        "Os pares "
        "dizem onde fica cada borda; a consistência de ciclo só exige que nada se perca. Assim, uma tradução pode "
        "estar no "
        "estilo certo e ainda ser um desenho diferente do verdadeiro.",
        "answer_none": "Os modelos ainda não foram medidos.",
    },
}
