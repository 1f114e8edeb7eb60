"""What the open-set tab says, in English and Portuguese."""

IDEA_EN = r"""
A classifier trained on ten digits answers with a digit whatever you show it: it assumes it knows the whole world.
**Open-set recognition** lets it say *unknown*. GeMOS fits a **generative model to the network's features of each class**;
a picture whose features are unlikely under the model of the predicted class is unknown:

$$\hat y=\arg\max_c f_c(x),\allowbreak\qquad \text{unknown if}\quad \log p_{\hat y}\big(\phi(x)\big)<\tau_{\hat y}$$

The thresholds $\tau$ come from known digits alone: choose how many of them to keep.
[GeMOS, Vendramini et al. 2021](https://arxiv.org/abs/2105.10013) · [OpenMax, 2016](https://arxiv.org/abs/1511.06233)
"""

IDEA_PT = r"""
Um classificador treinado em dez dígitos responde com um dígito para qualquer coisa que lhe mostrem: ele supõe que conhece
o mundo inteiro. O **reconhecimento em conjunto aberto** permite que ele diga *desconhecido*. O GeMOS ajusta um **modelo
generativo às características que a rede extrai de cada classe**; uma imagem cujas características são improváveis sob o
modelo da classe prevista é desconhecida:

$$\hat y=\arg\max_c f_c(x),\allowbreak\qquad \text{desconhecida se}\quad \log p_{\hat y}\big(\phi(x)\big)<\tau_{\hat y}$$

Os limiares $\tau$ vêm só dos dígitos conhecidos: escolha quantos deles manter.
[GeMOS, Vendramini et al. 2021](https://arxiv.org/abs/2105.10013) · [OpenMax, 2016](https://arxiv.org/abs/1511.06233)
"""


def _drawing(picture: str, network: str, features: str, densities: str, likely: str, unlikely: str) -> str:
    """The mechanism as inline SVG in the theme's colours: pixels, layers, features, one Gaussian a class, two ends."""
    layers = "".join(
        f'<rect x="{92 + 24 * i}" y="{34 + 7 * i}" width="15" height="{72 - 14 * i}" rx="2" fill="var(--gl-accent)" '
        f'fill-opacity="{0.35 + 0.15 * i}"/>'
        for i in range(4)
    )
    drops = "".join(f'<path d="M{99 + 24 * i} {106 - 7 * i} V 128 H 196" class="os-wire"/>' for i in range(4))
    bells = "".join(
        f'<ellipse cx="{258 + 30 * (i % 3)}" cy="{52 + 26 * (i // 3)}" rx="15" ry="9" fill="var(--gl-c{i})" fill-opacity="0.3" '
        f'stroke="var(--gl-c{i})" transform="rotate({20 * i - 40} {258 + 30 * (i % 3)} {52 + 26 * (i // 3)})"/>'
        for i in range(6)
    )
    label = '<text x="{}" y="{}" text-anchor="{}" fill="var(--gl-{})">{}</text>'
    words = [
        (42, 150, "middle", "soft", picture),
        (118, 150, "middle", "soft", network),
        (200, 150, "middle", "soft", features),
    ]
    words.append((296, 150, "middle", "soft", densities))
    for y, color, end in ((44, "known", likely), (106, "unknown", unlikely)):
        words += [(352, y + 14 * i, "start", color, part) for i, part in enumerate(end.split("|"))]
    return (
        f'<svg class="gl-plot os-drawing" style="font-size:11px" viewBox="0 0 470 160" role="img" aria-label="{picture} → {network} → {features} → '
        f'{densities}"><rect x="12" y="40" width="60" height="60" rx="4" fill="black"/>'
        '<path d="M28 54 H 56 L 40 90" fill="none" stroke="white" stroke-width="6" stroke-linecap="round" stroke-linejoin="round"/>'
        f'{layers}{drops}<circle cx="205" cy="128" r="6" fill="var(--gl-accent)"/><path d="M211 128 L 238 92" class="os-wire"/>'
        f'{bells}<circle cx="259" cy="54" r="4" fill="var(--gl-known)"/><circle cx="332" cy="108" r="4" fill="var(--gl-unknown)"/>'
        '<path d="M264 50 C 300 20 320 30 340 42" class="os-wire"/><path d="M337 108 H 344" class="os-wire"/>'
        + "".join(label.format(*w) for w in words)
        + "</svg>"
    )


TEXT = {
    "en": {
        "tab": "Open set",
        "idea": IDEA_EN,
        "drawing": _drawing("picture", "network", "features", "ten densities", "likely:|a digit", "unlikely:|unknown"),
        "seen": "what the network sees",
        "pad": "Draw a digit, or anything else",
        "method_a": "Method",
        "method_b": "Compare with",
        "kept": "Known digits to keep (%)",
        "against": "Unknowns in the plots",
        "digits": "Digits, drawn by our own VAE",
        "strange": "Not digits, drawn by our own code",
        "method.gmm": "GeMOS: Gaussian mixture",
        "method.pca": "PCA for each class",
        "method.flow": "Normalizing flow",
        "method.softmax": "Max softmax",
        "method.logit": "Max logit",
        "method.energy": "Energy",
        "method.openmax": "OpenMax",
        "method.mahalanobis": "Mahalanobis",
        "method.vim": "ViM",
        "method.knn": "Nearest neighbours",
        "method.exposure": "Synthetic outlier exposure",
        "set.omniglot_28": "Omniglot",
        "set.quickdraw": "QuickDraw",
        "set.letters": "Letters of scripts",
        "set.fashion": "Fashion-MNIST",
        "set.mnist-noise": "MNIST under noise",
        "set.noise": "Noise",
        "digit": "digit {digit}",
        "unknown": "unknown",
        "empty": "Draw something",
        "score": "score {score}, limit {limit}",
        "closed": "The network alone says {digit} with {percent:.2f} %",
        "bars.loglik": "log-likelihood under each class's model",
        "bars.logit": "softmax of each class",
        "bars.alt": "One bar for each digit from 0 to 9: {label}. Highest: {digit}.",
        "histogram": "Scores of pictures taken for a {digit}",
        "histogram.x": "score",
        "histogram.y": "share",
        "histogram.alt": "Histogram of the scores of known and unknown pictures predicted as {digit}, with the threshold "
        "and the current picture.",
        "known": "known",
        "unknowns": "unknown",
        "limit": "limit",
        "you": "yours",
        "roc": "ROC: knowns kept against unknowns let in",
        "roc.x": "unknowns taken for digits",
        "roc.y": "knowns kept",
        "roc.alt": "ROC curve with area {auroc:.4f}; at this threshold {kept:.1f} % of knowns are kept and {caught:.1f} % of "
        "unknowns are caught.",
        "map": "The mixtures of the ten classes",
        "map.x": "seen so that the classes lie on a circle",
        "map.alt": "Map of the Gaussian mixtures of the ten classes in two dimensions, with the current picture as a point.",
        "rates": "At this limit",
        "rates.kept": "knowns kept",
        "rates.rejected": "knowns rejected",
        "rates.caught": "unknowns caught",
        "rates.missed": "unknowns let in",
        "no_scores": "This method's scores on that set are not stored in this copy.",
        "noise_button": "Ask softmax about pure noise",
        "noise_done": "**Pure noise, surer than any digit.** To uniform random pixels softmax leaves 1 chance in {before} of being wrong. {steps} small steps along the gradient (at most {levels} of 255 grey levels each pixel; still noise to the eye) and it is “a {digit}”, with 1 chance in {after}. For the surest of {n} digits from our VAE it leaves 1 in {surest}. The noise is on the pad now: compare the methods.",
        "leak_button": "A leak in published code",
        "leak_text": "**Order of preprocessing.** GeMOS's published code inverts Omniglot *after* normalising, which puts its "
        "background at another value than MNIST's. Then the mean pixel of a picture, with no network at all, separates the "
        "two sets: AUROC **{leak:.3f}**. Inverted before normalising, as everywhere here, it reaches only **{proper:.3f}**.",
        "leak_alt": "Histograms of mean pixel values of MNIST and Omniglot under both orders of preprocessing.",
        "leak_published": "inverted after normalising (published code)",
        "leak_proper": "inverted before (here)",
        "leak_x": "mean pixel after normalising",
        "measure_intro": "MNIST's 10,000 test digits against 10,000 Omniglot drawings never seen in training. Mean ± "
        "standard deviation over {seeds} trained networks; one rule for all thresholds: keep {kept:.0f} % of knowns. "
        "Closed-set accuracy: {accuracy:.2f} %.",
        "measure_method": "Method",
        "measure_paper": "Paper: macro-F1",
        "measure_button": "Measure now on fresh pictures",
        "measure_live": "{n} digits from our VAE against {n} drawings by our stroke generator, seed {seed}, measured just now:",
        "none": "–",
        "question": "The limits keep 98 % of the digits. Now the network sees 10,000 drawings of letters from 20 alphabets (Omniglot). What share of them does *max softmax* take for a digit?",
        "guess.low": "About 3 %",
        "guess.mid": "About 20 %",
        "guess.high": "About 60 %",
        "answer": "Measured: **{softmax:.1f} %** with max softmax, {gmm:.2f} % with the Gaussian mixture of GeMOS. Softmax only "
        "compares classes with each other; a density asks whether the picture is likely at all.",
    },
    "pt": {
        "tab": "Conjunto aberto",
        "idea": IDEA_PT,
        "drawing": _drawing(
            "imagem", "rede", "características", "dez densidades", "provável:|dígito", "improvável:|desconhecido"
        ),
        "seen": "o que a rede vê",
        "pad": "Desenhe um dígito ou outra coisa",
        "method_a": "Método",
        "method_b": "Comparar com",
        "kept": "Dígitos conhecidos a manter (%)",
        "against": "Desconhecidos nos gráficos",
        "digits": "Dígitos desenhados pelo nosso VAE",
        "strange": "Não são dígitos: desenhados pelo nosso código",
        "method.gmm": "GeMOS: mistura de gaussianas",
        "method.pca": "PCA por classe",
        "method.flow": "Fluxo normalizador",
        "method.softmax": "Softmax máximo",
        "method.logit": "Logit máximo",
        "method.energy": "Energia",
        "method.openmax": "OpenMax",
        "method.mahalanobis": "Mahalanobis",
        "method.vim": "ViM",
        "method.knn": "Vizinhos mais próximos",
        "method.exposure": "Exposição a outliers sintéticos",
        "set.omniglot_28": "Omniglot",
        "set.quickdraw": "QuickDraw",
        "set.letters": "Letras de outras escritas",
        "set.fashion": "Fashion-MNIST",
        "set.mnist-noise": "MNIST com ruído",
        "set.noise": "Ruído",
        "digit": "dígito {digit}",
        "unknown": "desconhecido",
        "empty": "Desenhe algo",
        "score": "escore {score}, limiar {limit}",
        "closed": "A rede sozinha diz {digit} com {percent:.2f} %",
        "bars.loglik": "log-verossimilhança em cada classe",
        "bars.logit": "softmax de cada classe",
        "bars.alt": "Uma barra para cada dígito de 0 a 9: {label}. Maior: {digit}.",
        "histogram": "Escores das imagens previstas como {digit}",
        "histogram.x": "escore",
        "histogram.y": "proporção",
        "histogram.alt": "Histograma dos escores de imagens conhecidas e desconhecidas previstas como {digit}, com o limiar e a "
        "imagem atual.",
        "known": "conhecidos",
        "unknowns": "desconhecidos",
        "limit": "limiar",
        "you": "a sua",
        "roc": "ROC: mantidos × aceitos",
        "roc.x": "desconhecidos tomados por dígitos",
        "roc.y": "conhecidos mantidos",
        "roc.alt": "Curva ROC com área {auroc:.4f}; neste limiar, {kept:.1f} % dos conhecidos são mantidos e {caught:.1f} % dos "
        "desconhecidos são detectados.",
        "map": "As misturas das dez classes",
        "map.x": "vistas de modo que as classes fiquem em um círculo",
        "map.alt": "Mapa das misturas de gaussianas das dez classes em duas dimensões, com a imagem atual como um ponto.",
        "rates": "Neste limiar",
        "rates.kept": "conhecidos mantidos",
        "rates.rejected": "conhecidos rejeitados",
        "rates.caught": "desconhecidos detectados",
        "rates.missed": "desconhecidos aceitos",
        "no_scores": "Os escores deste método nesse conjunto não estão guardados nesta cópia.",
        "noise_button": "Pergunte ao softmax sobre ruído puro",
        "noise_done": "**Puro ruído, com mais certeza do que qualquer dígito.** Para pixels aleatórios uniformes, o softmax deixa 1 chance de erro em {before}. Depois de {steps} passos pequenos na direção do gradiente (no máximo {levels} de 255 níveis de cinza por pixel; a olho nu, continua sendo ruído), é “um {digit}”, com 1 chance em {after}. Para o mais certo de {n} dígitos do nosso VAE, ele deixa 1 em {surest}. O ruído está agora na prancheta: compare os métodos.",
        "leak_button": "Um vazamento em código publicado",
        "leak_text": "**A ordem do pré-processamento.** O código publicado do GeMOS inverte o Omniglot *depois* de normalizar, o que "
        "deixa o fundo com um valor diferente do fundo do MNIST. Aí a média dos pixels de uma imagem, sem rede nenhuma, separa os "
        "dois conjuntos: AUROC **{leak:.3f}**. Invertendo antes de normalizar, como em tudo aqui, ela chega só a **{proper:.3f}**.",
        "leak_alt": "Histogramas da média dos pixels do MNIST e do Omniglot nas duas ordens de pré-processamento.",
        "leak_published": "invertido depois de normalizar (código publicado)",
        "leak_proper": "invertido antes (aqui)",
        "leak_x": "média dos pixels após normalizar",
        "measure_intro": "Os 10.000 dígitos de teste do MNIST contra 10.000 desenhos do Omniglot, nunca vistos no treino. Média ± desvio padrão de {seeds} redes treinadas; a mesma regra para todos os limiares: manter {kept:.0f} % dos "
        "conhecidos. Acurácia em conjunto fechado: {accuracy:.2f} %.",
        "measure_method": "Método",
        "measure_paper": "Artigo: macro-F1",
        "measure_button": "Medir agora em imagens novas",
        "measure_live": "{n} dígitos do nosso VAE contra {n} desenhos do nosso gerador de traços, semente {seed}, medidos agora:",
        "none": "–",
        "question": "Os limiares mantêm 98 % dos dígitos. Agora a rede vê 10.000 letras desenhadas à mão, de 20 alfabetos (Omniglot). Que parte delas o *softmax máximo* toma por um dígito?",
        "guess.low": "Cerca de 3 %",
        "guess.mid": "Cerca de 20 %",
        "guess.high": "Cerca de 60 %",
        "answer": "Medido: **{softmax:.1f} %** com o softmax máximo, {gmm:.2f} % com a mistura de gaussianas do GeMOS. O softmax só "
        "compara as classes entre si; uma densidade pergunta se a imagem é provável.",
    },
}
