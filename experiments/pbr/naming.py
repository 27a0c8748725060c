"""What a texture's file name says: whose map it is, and which.

planks_diff_1k.jpg       planks_1k, diffuse     (Poly Haven)
Wood07_1K_NormalGL.jpg   Wood07_1K, normal_gl   (ambientCG)
rock/albedo.png          rock, albedo           (one folder per material)
T_Oak_01_ORM.png         T_Oak_01, orm          (Unreal)
GrassHillAlbedo.png      GrassHill, albedo      (Unity)

The name of a material is all but the suffix of the map, so that files of one material differ in
that alone: digits and resolutions tell materials apart.
"""

import re
from pathlib import Path

KINDS = {
    "albedo": "albedo alb basecolor basecolour base_color base_colour bc color colour col"
    " albedotransparency albedo_transparency basemap base_map",
    "diffuse": "diffuse diff dif d c",
    "normal": "normal normals norm nor nrm n",
    "normal_gl": "normalgl normal_gl nor_gl nrm_gl normal_opengl normal_ogl normalopengl",
    "normal_dx": "normaldx normal_dx nor_dx nrm_dx normal_directx normaldirectx",
    "roughness": "roughness rough rgh r",
    "gloss": "gloss glossiness smoothness",
    "metallic": "metallic metalness metal met mtl",
    "ao": "ao ambientocclusion ambient_occlusion occlusion occ",
    "height": "height displacement disp dsp bump parallax p h",
    "orm": "orm arm occlusionroughnessmetallic occlusion_roughness_metallic",
    "rmaos": "rmaos rma",
    "metallic_roughness": "metallicroughness metallic_roughness",
    "metallic_smoothness": "metallicsmoothness metallic_smoothness",
    "mask_map": "maskmap mask_map",
    "emission": "emission emissive emit glow g",
    "opacity": "opacity alpha mask",
    "specular": "specular spec s sk m e f cnr env",
}
KIND_OF = {word: kind for kind, words in KINDS.items() for word in words.split()}
LONGEST = max(word.count("_") for word in KIND_OF) + 1  # words of a suffix
AFTER = re.compile(r"\d+k|256|512|1024|2048|4096|8192|jpe?g|png|tga|tiff?|exr", re.IGNORECASE)
TEXTURE = re.compile(r"_?(map|texture|tex)$")  # may follow: NormalMap, baseColorTexture (glTF)
INNER_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")  # GrassHill|Albedo
UNSAFE_FOR_A_NAME = ("c", "d", "n", "p", "h", "g", "s", "sk", "m", "e", "f", "r", "bc")
UNMISTAKABLE = 6  # letters of a kind that may follow without a separator; Metal is in many names


def parse(path: Path) -> tuple[str, str | None]:
    """Name of the material and kind of the map; None if the name does not tell the kind.

    A file that is called after its kind alone belongs to the material of its folder, and its name
    is "". What may stand after the suffix is a resolution or the name of a file format.
    """
    stem = path.stem
    words = list(re.finditer(r"[^_\-. ]+", stem))
    end = len(words)
    while end > 1 and AFTER.fullmatch(words[end - 1][0]):
        end -= 1
    for count in range(min(LONGEST, end), 0, -1):
        suffix = words[end - count : end]
        kind = _kind("_".join(word[0] for word in suffix))
        alone = count == end
        if kind is None or (alone and suffix[0][0].lower() in UNSAFE_FOR_A_NAME):
            continue
        return _without(stem, suffix[0].start(), suffix[-1].end()), kind
    for last in words[max(0, end - 1) : end]:
        for inner in INNER_WORD.finditer(last[0]):
            suffix = last[0][inner.start() :]
            if len(suffix) >= UNMISTAKABLE and (kind := _kind(suffix)):
                return _without(stem, last.start() + inner.start(), last.end()), kind
    return stem, None


def _kind(suffix: str) -> str | None:
    word = suffix.lower()
    return KIND_OF.get(word) or KIND_OF.get(TEXTURE.sub("", word))


def _without(stem: str, start: int, end: int) -> str:
    """A name without its suffix; what stands after that tells materials apart too."""
    return (stem[:start].rstrip("_-. ") + stem[end:]).strip("_-. ")
