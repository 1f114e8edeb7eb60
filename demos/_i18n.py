"""Portuguese and English: what the shell says, and how any text is looked up."""

from __future__ import annotations

import logging
import string
from types import ModuleType

import gradio as gr

from genmodels.errors import Refusal

log = logging.getLogger(__name__)
LANGUAGES = ("pt", "en")

SHELL = {
    "en": {
        "tagline": "Models trained in this repository, running on this machine.",
        "language": "Language",
        "theme": "Light / dark",
        "present": "Present",
        "idea": "Idea",
        "try": "Try",
        "inside": "Inside",
        "measure": "Measure",
        "predict": "Predict",
        "run": "Run",
        "stop": "Stop",
        "seed": "Seed",
        "dice": "Another seed",
        "share": "Copy link",
        "shared": "Link copied: it restores what is on screen.",
        "save": "Save picture",
        "code": "Python code",
        "code_hint": "Makes what is on screen, without the page:",
        "generated": "AI-generated",
        "running": "Step {i} of {n} · {seconds:.1f} s",
        "done": "Done in {seconds:.1f} s.",
        "stopped": "Stopped.",
        "no_tab": "This link names no tab of this page; the first one is shown.",
        "bad_link": "The link asked for a value of “{name}” that does not exist; the usual one is used.",
        "error.range": "“{name}” must be a number from {low} to {high}; {value} is not.",
        "error.choice": "“{value}” is not one of the choices for “{name}”.",
        "error.unknown_model": "There is no model called “{id}”.",
        "error.not_trained": "“{id}” has not been trained in this copy yet.",
        "error.code": "A code is {count} numbers with commas between.",
        "error.mask": "Cover a part of the picture with the brush first.",
        "error.sketch": "This is not a drawing of this tab’s, or it has too many strokes. Clear the canvas and draw again.",
        "error.not_downloaded": "“{id}” is not on this machine yet: download it first.",
        "error.needs_gpu": "This model needs a GPU with {need} GB; this machine has {have:.0f} GB.",
        "error.memory": "This machine ran out of memory, also at the smaller size. Memory was freed: try something smaller.",
        "error.drawing": "The drawing did not arrive whole; draw it once more.",
        "error.hub_unauthorized": "The hub does not let this machine read {repo}: it is private, no longer exists, or needs a login.",
        "error.hub_gated": "The owner of {repo} asks you to log in to the hub and accept the terms there first.",
        "error.hub_not_found": "The hub has no {file} in {repo} at the pinned commit.",
        "error.hub_busy": "The hub is refusing requests for now. Try again in {seconds} s.",
        "error.hub_error": "The hub answered with error {status} to the request for {file} of {repo}.",
        "error.hub_stalled": "Nothing came from the hub for {seconds} s. What has arrived of {repo} is kept; try again to continue.",
        "error.hub_truncated": "{file} of {repo} did not arrive whole. Try again.",
        "error.hub_hash": "{file} of {repo} is not the file that the hub announced, so it was deleted. Try again.",
        "error.hub_unverified": "The answer for {file} of {repo} lacks commit, size or checksum: it may not come from the hub (a network's login page?).",
        "error.hub_offline": "The hub cannot be reached from this machine, so {repo} cannot be downloaded.",
        "error.hub_running": "{repo} is already being downloaded on this machine.",
        "error.disk_full": "The rest of {repo} needs {need} MB on the disk, and only {have} MB are free.",
        "error.picture_empty": "This file is empty.",
        "error.picture_kind": "This is not a PNG, JPEG, WebP or GIF picture.",
        "error.picture_bytes": "The file is too large: the limit is {limit} MB.",
        "error.picture_pixels": "The picture has {width} × {height} pixels; the limit is {limit} megapixels.",
        "error.picture_broken": "This {kind} picture is damaged or incomplete.",
        "error.picture_animated": "Animated WebP pictures are not accepted; send a still one.",
        "error.unknown_scheduler": "There is no scheduler called “{name}”.",
        "error.unknown_style": "There is no style called “{style}”.",
        "error.empty_prompt": "A prompt is empty, and this needs its words.",
        "error.file_type": "The file “{name}” must end in .png.",
        "error.unknown_file": "The file is not an npz with an array “images” of uint8 pictures, 28 × 28.",
        "error.camera_distance": "The camera's distance must be a positive number; {value} is not.",
        "error.photo_size": "The picture has shape {shape}; it must be in colour, each side {low} to {high} pixels.",
        "error.scene_unknown": "There is no scene called “{name}”; the scenes are {known}.",
        "error.scene_missing": "There is no file {file}.",
        "error.scene_file": "{file} is not an .npz archive of plain arrays.",
        "error.scene_large": "The scene takes {megabytes} MB; the limit is {limit} MB.",
        "error.scene_lacks": "The file has no array “{array}”.",
        "error.scene_array": "The array “{array}” is {found}; it must be {wanted}.",
        "error.scene_straight": "The pictures of the scene are not premultiplied: a colour is brighter than its alpha.",
        "error.scene_focal": "The focal length is {value}; it must be a positive number of pixels.",
        "error.scene_pose": "Pose {view} is not a rotation and a place in the world.",
        "error.scene_views": "The scene has {train} views to train on and {held_out} held out; it takes at least 2 and 1.",
        "error.scene_renderer": "Rendering the scenes needs the package mitsuba.",
        "error.file_turn": "The file “{name}” must end in .gif or .mp4.",
        "error.data_needed": "These photographs do not ship with the repository: give their folder with --data.",
        "error.facades_file": "“{name}” does not hold facades and their label maps in the expected form.",
        "error.photographs_file": "“{name}” does not hold 64 × 64 pictures in the expected form.",
        "error.patches": "Patches must be whole numbers from 0 to {last}.",
        "error.no_photo": "Your own picture is no longer here: choose it again, or take an example.",
        "error.frame": "The frame did not arrive whole; drag it once more.",
        "error.few_classes": "Photographs of at least two classes are needed first.",
        "error.pixel": "The pixel did not arrive whole; click it once more.",
        "error.untrained": "Nothing has been trained on this page yet: press Start first.",
        "error.unexpected": "Something went wrong on our side; nothing of yours is lost. Try again.",
    },
    "pt": {
        "tagline": "Modelos treinados neste repositório, rodando nesta máquina.",
        "language": "Idioma",
        "theme": "Claro / escuro",
        "present": "Apresentar",
        "idea": "Ideia",
        "try": "Experimente",
        "inside": "Por dentro",
        "measure": "Meça",
        "predict": "Preveja",
        "run": "Executar",
        "stop": "Parar",
        "seed": "Semente",
        "dice": "Outra semente",
        "share": "Copiar link",
        "shared": "Link copiado: ele restaura o que está na tela.",
        "save": "Salvar imagem",
        "code": "Código Python",
        "code_hint": "Faz o que está na tela, sem a página:",
        "generated": "Gerado por IA",
        "running": "Passo {i} de {n} · {seconds:.1f} s",
        "done": "Concluído em {seconds:.1f} s.",
        "stopped": "Interrompido.",
        "no_tab": "Este link indica uma aba que não existe; mostramos a primeira.",
        "bad_link": "O link pedia um valor de “{name}” que não existe; usamos o valor padrão.",
        "error.range": "“{name}” precisa ser um número de {low} a {high}; {value} não é.",
        "error.choice": "“{value}” não é uma das opções de “{name}”.",
        "error.unknown_model": "Não existe um modelo chamado “{id}”.",
        "error.not_trained": "“{id}” ainda não foi treinado nesta cópia.",
        "error.code": "Um código são {count} números separados por vírgulas.",
        "error.mask": "Cubra antes uma parte da imagem com o pincel.",
        "error.sketch": "Isto não é um desenho desta aba ou tem traços demais. Limpe a tela e desenhe de novo.",
        "error.not_downloaded": "“{id}” ainda não está nesta máquina: baixe-o primeiro.",
        "error.needs_gpu": "Este modelo precisa de uma GPU com {need} GB; esta máquina tem {have:.0f} GB.",
        "error.memory": "Faltou memória nesta máquina, mesmo no tamanho menor. A memória foi liberada: tente algo menor.",
        "error.drawing": "O desenho não chegou inteiro; desenhe de novo.",
        "error.hub_unauthorized": "O hub não permite que esta máquina acesse {repo}: o repositório é privado, não existe mais ou exige login.",
        "error.hub_gated": "Para usar {repo}, é preciso antes entrar no hub e aceitar os termos definidos pelo autor.",
        "error.hub_not_found": "O hub não tem o arquivo {file} em {repo} na versão fixada.",
        "error.hub_busy": "O hub está recusando pedidos no momento. Tente de novo em {seconds} s.",
        "error.hub_error": "O hub respondeu com o erro {status} ao pedido de {file}, de {repo}.",
        "error.hub_stalled": "O hub ficou {seconds} s sem enviar nada. O que já chegou de {repo} foi guardado; tente de novo para continuar.",
        "error.hub_truncated": "O arquivo {file}, de {repo}, não chegou completo. Tente de novo.",
        "error.hub_hash": "O arquivo {file}, de {repo}, não confere com o que o hub anunciou e foi apagado. Tente de novo.",
        "error.hub_unverified": "A resposta para {file}, de {repo}, veio sem versão, tamanho ou código de verificação: talvez não seja do hub (página de login da rede?).",
        "error.hub_offline": "Esta máquina não consegue acessar o hub, por isso não é possível baixar {repo}.",
        "error.hub_running": "{repo} já está sendo baixado nesta máquina.",
        "error.disk_full": "O restante de {repo} precisa de {need} MB em disco, e só há {have} MB livres.",
        "error.picture_empty": "Este arquivo está vazio.",
        "error.picture_kind": "Este arquivo não é uma imagem PNG, JPEG, WebP ou GIF.",
        "error.picture_bytes": "O arquivo é grande demais: o limite é de {limit} MB.",
        "error.picture_pixels": "A imagem tem {width} × {height} pixels; o limite é de {limit} megapixels.",
        "error.picture_broken": "Esta imagem {kind} está danificada ou incompleta.",
        "error.picture_animated": "WebP animado não é aceito; envie uma imagem estática.",
        "error.unknown_scheduler": "Não existe um agendador chamado “{name}”.",
        "error.unknown_style": "Não existe um estilo chamado “{style}”.",
        "error.empty_prompt": "Há um prompt vazio, e aqui as palavras dele são necessárias.",
        "error.file_type": "O nome do arquivo “{name}” precisa terminar em .png.",
        "error.unknown_file": "O arquivo não é um npz com um array “images” de imagens uint8 de 28 × 28.",
        "error.camera_distance": "A distância da câmera precisa ser um número positivo; {value} não é.",
        "error.photo_size": "A imagem tem formato {shape}; precisa ser colorida, com cada lado de {low} a {high} pixels.",
        "error.scene_unknown": "Não existe a cena “{name}”; as cenas são {known}.",
        "error.scene_missing": "O arquivo {file} não existe.",
        "error.scene_file": "{file} não é um arquivo .npz só com arrays numéricos.",
        "error.scene_large": "A cena ocupa {megabytes} MB; o limite é de {limit} MB.",
        "error.scene_lacks": "Falta no arquivo o array “{array}”.",
        "error.scene_array": "O array “{array}” é {found}; deveria ser {wanted}.",
        "error.scene_straight": "As imagens da cena não estão pré-multiplicadas: há cor mais clara que o próprio alfa.",
        "error.scene_focal": "A distância focal é {value}; precisa ser um número positivo de pixels.",
        "error.scene_pose": "A pose {view} não é uma rotação seguida de uma posição no mundo.",
        "error.scene_views": "A cena tem {train} vistas de treino e {held_out} reservadas; são necessárias pelo menos 2 e 1.",
        "error.scene_renderer": "Para renderizar as cenas é preciso instalar o pacote mitsuba.",
        "error.file_turn": "O nome do arquivo “{name}” precisa terminar em .gif ou .mp4.",
        "error.data_needed": "Estas fotografias não vêm com o repositório: informe a pasta delas com --data.",
        "error.facades_file": "“{name}” não contém fachadas e seus mapas de rótulos no formato esperado.",
        "error.photographs_file": "“{name}” não contém imagens de 64 × 64 no formato esperado.",
        "error.patches": "Os patches devem ser números inteiros de 0 a {last}.",
        "error.no_photo": "A sua imagem não está mais aqui: escolha-a de novo ou use um dos exemplos.",
        "error.frame": "A moldura não chegou inteira; arraste-a de novo.",
        "error.few_classes": "Antes são necessárias fotografias de pelo menos duas classes.",
        "error.pixel": "O pixel não chegou inteiro; clique nele de novo.",
        "error.untrained": "Nada foi treinado nesta página ainda: clique antes em Iniciar.",
        "error.unexpected": "Algo deu errado do nosso lado; nada seu se perdeu. Tente de novo.",
    },
}


def translations(topics: list[ModuleType]) -> gr.I18n:
    """Every text of the shell and of the topics, for the front end: keys "shell.x" and "<topic>.x"."""
    tables = {lang: {f"shell.{key}": text for key, text in SHELL[lang].items()} for lang in LANGUAGES}
    for topic in topics:
        for lang in LANGUAGES:
            tables[lang] |= {f"{topic.ID}.{key}": text for key, text in topic.TEXT[lang].items()}
    return gr.I18n(**tables)


class _Comma(string.Formatter):
    """str.format with a decimal comma in floating-point numbers."""

    def format_field(self, value: object, spec: str) -> str:
        shown = super().format_field(value, spec)
        return shown.replace(".", ",") if isinstance(value, float) else shown


def fill(lang: str, template: str, *numbers: object, **values: object) -> str:
    """The template with its values, floats written as the language writes them."""
    return _Comma().format(template, *numbers, **values) if lang == "pt" else template.format(*numbers, **values)


def say(lang: str, key: str, **values: object) -> str:
    """A sentence of the shell in the visitor's language; any unknown language reads English."""
    return fill(lang, SHELL[lang if lang in LANGUAGES else "en"][key], **values)


def explain(lang: str, error: Exception) -> str:
    """One sentence for a visitor about what went wrong; what is not a Refusal is logged, not shown."""
    if isinstance(error, Refusal) and f"error.{error.code}" in SHELL["en"]:
        return say(lang, f"error.{error.code}", **error.values)
    log.error("unexpected error", exc_info=error)
    return say(lang, "error.unexpected")
