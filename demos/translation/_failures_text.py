"""What *When it fails* says."""

TEXT: dict[str, dict[str, str]] = {
    "en": {
        "failures.intro": "Four ways to go wrong, each computed now by the models of this tab.",
        "failures.collapse": "Mode collapse: nearly one answer, whatever the code",
        "failures.collapse.noise": "pix2pix, other code",
        "failures.collapse.code": "BicycleGAN, other code",
        "failures.collapse.cause": "Both are given the same random codes. L1 punishes every answer but the median "
        "one, so pix2pix learns to ignore the code: two of its answers differ by {noise:.2f} % of the range, two of "
        "BicycleGAN’s by {code:.1f} %, because it must find the code again in the picture.",
        "failures.collapse.where": "Try it: “Many answers”.",
        "failures.ghosts": "Ghosts: something where nothing was drawn",
        "failures.ghosts.cgan.empty": "cGAN alone, empty paper",
        "failures.ghosts.cgan.dot": "cGAN alone, three lines",
        "failures.ghosts.patch-70.empty": "L1 + cGAN, empty paper",
        "failures.ghosts.patch-70.dot": "L1 + cGAN, three lines",
        "failures.ghosts.cause": "The judge only asks whether patches look real, and a colourful patch may look real "
        "anywhere. On empty paper the cGAN alone colours {cgan:.0f} % of the pixels, with L1 beside it {patch:.0f} %.",
        "failures.ghosts.held": "L1 is what ties the picture to the drawing.",
        "failures.ghosts.not_held": "On empty paper this judge invents nothing more than both losses do; look at the "
        "three lines.",
        "failures.ghosts.where": "Try it: “The losses”, with the canvas cleared.",
        "failures.identity": "The identity in disguise: a translation that changes little",
        "failures.identity.input": "Input x",
        "failures.identity.there": "G(x)",
        "failures.identity.again": "F(G(x))",
        "failures.identity.noisy": "F(G(x) + noise)",
        "failures.identity.cause": "A cycle loss is satisfied by a picture that changes nothing: this translation "
        "changes {changed:.1f} % of the range, and the way back misses the input by {clean:.1f} %. It is satisfied as "
        "well by one that carries the original in faint traces (Chu et al. 2017); with noise of 2.5 % on G(x), which "
        "drowns them, the way back misses by {noisy:.1f} %.",
        "failures.identity.traces": "So part of this way back lived on such traces.",
        "failures.identity.no_traces": "So this small network hides nothing in them: what it keeps, one can see.",
        "failures.identity.where": "Try it: “Without pairs”.",
        "failures.far": "Far from training: the network paints what it knows",
        "failures.far.near": "Near: a cat",
        "failures.far.near.painted": "painted",
        "failures.far.far": "Far: a scribble",
        "failures.far.far.painted": "painted",
        "failures.far.cause": "All it ever saw is one object in the middle, in closed lines. Every small field of a "
        "scribble is coloured as if it were part of such an object: the network has no way to say that it does not "
        "know.",
        "failures.far.where": "Try it: fill the canvas with lines.",
    },
    "pt": {
        "failures.intro": "Quatro maneiras de dar errado, cada uma calculada agora pelos modelos desta aba.",
        "failures.collapse": "Colapso de modos: quase uma só resposta, seja qual for o código",
        "failures.collapse.noise": "pix2pix, outro código",
        "failures.collapse.code": "BicycleGAN, outro código",
        "failures.collapse.cause": "Os dois recebem os mesmos códigos aleatórios. A L1 pune toda resposta que não seja "
        "a mediana, e o pix2pix aprende a ignorar o código: duas respostas dele diferem em {noise:.2f} % da faixa de "
        "valores; duas do BicycleGAN, em {code:.1f} %, porque ele tem de reencontrar o código na imagem.",
        "failures.collapse.where": "Experimente: “Várias respostas”.",
        "failures.ghosts": "Fantasmas: algo onde nada foi desenhado",
        "failures.ghosts.cgan.empty": "só cGAN, papel em branco",
        "failures.ghosts.cgan.dot": "só cGAN, três linhas",
        "failures.ghosts.patch-70.empty": "L1 + cGAN, papel em branco",
        "failures.ghosts.patch-70.dot": "L1 + cGAN, três linhas",
        "failures.ghosts.cause": "O juiz só pergunta se os patches parecem reais, e um patch colorido pode parecer "
        "real em qualquer lugar. No papel em branco, a cGAN sozinha colore {cgan:.0f} % dos pixels; com a L1 ao lado, "
        "{patch:.0f} %.",
        "failures.ghosts.held": "É a L1 que prende a imagem ao desenho.",
        "failures.ghosts.not_held": "No papel em branco, este juiz não inventa mais do que as duas perdas juntas; "
        "repare nas três linhas.",
        "failures.ghosts.where": "Experimente: “As perdas”, com a tela limpa.",
        "failures.identity": "A identidade disfarçada: uma tradução que muda pouco",
        "failures.identity.input": "Entrada x",
        "failures.identity.there": "G(x)",
        "failures.identity.again": "F(G(x))",
        "failures.identity.noisy": "F(G(x) + ruído)",
        "failures.identity.cause": "A perda de ciclo fica satisfeita com uma imagem que não muda nada: esta tradução "
        "muda {changed:.1f} % da faixa de valores, e a volta erra a entrada por {clean:.1f} %. Também fica satisfeita "
        "com uma que leva o original em traços quase invisíveis (Chu et al. 2017); com um ruído de 2,5 % em G(x), que "
        "os afoga, a volta erra por {noisy:.1f} %.",
        "failures.identity.traces": "Logo, parte desta volta vivia desses traços.",
        "failures.identity.no_traces": "Logo, esta rede pequena não esconde nada neles: o que ela guarda, dá para ver.",
        "failures.identity.where": "Experimente: “Sem pares”.",
        "failures.far": "Longe do treino: a rede pinta o que conhece",
        "failures.far.near": "Perto: um gato",
        "failures.far.near.painted": "pintado",
        "failures.far.far": "Longe: um rabisco",
        "failures.far.far.painted": "pintado",
        "failures.far.cause": "Tudo o que ela viu é um objeto no centro, em linhas fechadas. Cada pedacinho do "
        "rabisco é colorido como se fosse parte de um objeto assim: a rede não tem como dizer que não sabe.",
        "failures.far.where": "Experimente: encha a tela de linhas.",
    },
}
