"""What a texture's file name says: whose map it is, and which.

planks_diff_1k.jpg       planks, diffuse      (Poly Haven)
Wood07_1K_NormalGL.jpg   Wood07, normal_gl    (ambientCG)
rock/albedo.png          rock, albedo         (one folder per material)
wall01_rmaos.dds         wall01, rmaos        (game mods)
"""

import re
from pathlib import Path

KINDS = {
    "albedo": "albedo alb basecolor basecolour base_color color colour col",
    "diffuse": "diffuse diff dif d c",
    "normal": "normal norm nor nrm n normalmap normal_map",
    "normal_gl": "normalgl normal_gl nor_gl nrm_gl normal_opengl normal_ogl",
    "normal_dx": "normaldx normal_dx nor_dx nrm_dx normal_directx",
    "roughness": "roughness rough rgh",
    "gloss": "gloss glossiness smoothness",
    "metallic": "metallic metalness metal met mtl",
    "ao": "ao ambientocclusion ambient_occlusion occlusion occ",
    "height": "height displacement disp bump parallax p h",
    "orm": "orm arm occlusionroughnessmetallic",
    "rmaos": "rmaos rma",
    "emission": "emission emissive emit glow g",
    "opacity": "opacity alpha mask",
    "specular": "specular spec s sk m e f cnr env",
}
KIND_OF = {word: kind for kind, words in KINDS.items() for word in words.split()}
NOISE = re.compile(r"\d+k|jpe?g|png|tga|\d{3,4}(x\d{3,4})?", re.IGNORECASE)
UNSAFE_FOR_A_NAME = ("c", "d", "n", "p", "h", "g", "s", "sk", "m", "e", "f")


def parse(path: Path) -> tuple[str, str | None]:
    """Name of the material and kind of the map; None if the name does not tell the kind.

    A file that is called after its kind alone belongs to the material of its folder.
    """
    words = [w for w in re.split(r"[_\-. ]+", path.stem) if w]
    plain = [w for w in words if not NOISE.fullmatch(w)] or words
    for count in (2, 1):
        ending = "_".join(plain[-count:]).lower()
        alone = len(plain) <= count
        if len(plain) < count or ending not in KIND_OF or (alone and ending in UNSAFE_FOR_A_NAME):
            continue
        return ("" if alone else "_".join(plain[:-count])), KIND_OF[ending]
    return "_".join(plain), None
