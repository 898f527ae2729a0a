"""Sizes and offsets of the structs and their fields are those that a C compiler gives the header; every function of the header is declared, or known to be left out."""
import ctypes
import os
import re
import subprocess
import tempfile
import unittest

from ntk import _abi

INCLUDE = os.environ["NTK_INCLUDE"]
CLEAN = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def measured():
    """{(struct, field or ""): (size, offset)} from a C program that prints them."""
    lines = []
    for name, struct in _abi.STRUCTS.items():
        lines.append(f'printf("{name}  %zu 0\\n", sizeof({name}));')
        lines += [f'printf("{name} {field[0]} %zu %zu\\n", sizeof((({name} *)0)->{field[0]}), offsetof({name}, {field[0]}));'
                  for field in struct._fields_]
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "layout.c"), os.path.join(folder, "layout")
        with open(source, "w") as file:
            file.write("#include <ntk.h>\n#include <stdio.h>\nint main(void)\n{\n" + "\n".join(lines) + "\nreturn 0;\n}\n")
        subprocess.run([*os.environ.get("CC", "cc").split(), "-std=c11", "-I", INCLUDE, source, "-o", program], check=True, env=CLEAN)
        text = subprocess.run([program], check=True, capture_output=True, text=True, env=CLEAN).stdout
    words = [line.split(" ") for line in text.splitlines()]
    return {(struct, field): (int(size), int(offset)) for struct, field, size, offset in words}


class Abi(unittest.TestCase):
    def test_layouts(self):
        layout = measured()
        for name, struct in _abi.STRUCTS.items():
            self.assertEqual((ctypes.sizeof(struct), 0), layout[name, ""], name)
            for field in struct._fields_:
                own = getattr(struct, field[0])
                self.assertEqual((own.size, own.offset), layout[name, field[0]], f"{name}.{field[0]}")

    def test_fields_are_all_of_the_header(self):
        with open(os.path.join(INCLUDE, "ntk.h")) as file:
            header = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        for name, struct in _abi.STRUCTS.items():
            body = re.search(r"typedef struct %s \{(.*?)\} %s;" % (name, name), header, re.S).group(1)
            fields = [re.search(r"(\w+)(\[\w+\])?$", part.strip()).group(1) for part in body.split(";") if part.strip()]
            self.assertEqual([field[0] for field in struct._fields_], fields)

    def test_functions(self):
        with open(os.path.join(INCLUDE, "ntk.h")) as file:
            header = file.read()
        exported = dict(re.findall(r"NTK_API [^;(]*?\bntk_(\w+)\(([^;]*?)\);", header))
        declared = {*_abi.CALLS, *_abi.GETTERS, *(noun + "_destroy" for noun in _abi.NOUNS), *(enum + "_from_name" for enum in _abi.ENUMS)}
        self.assertEqual(declared - set(exported), set())
        left_out = {name for name in set(exported) - declared if not re.match(r"builder_|op_|activation_|\w+_name$|\w+_from_name$", name)}
        self.assertEqual(left_out, {"version_number", "dtype_size", "context_error", "gram_from_matrix", "predictor_mean", "predictor_covariance",
                                    "relu_two_layer_ntk", "kernel_algorithm", "kernel_layer_algorithm"} - declared)
        for name, arguments in _abi.CALLS.items():
            self.assertEqual(len(exported[name].split(",")), len(arguments) + 1, name)
            self.assertTrue(exported[name].startswith("ntk_context *ctx"), name)


if __name__ == "__main__":
    unittest.main()
