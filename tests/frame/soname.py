"""soname.py LIBRARY NAME: the shared library says that this is the name to look for at run time."""
import re
import subprocess
import sys

library, wanted = sys.argv[1:]
text = subprocess.run(["readelf", "-d", library], check=True, capture_output=True, text=True).stdout
names = re.findall(r"SONAME.*\[(.*)\]", text)
print("SONAME of %s: %s" % (library, names))
sys.exit(0 if names == [wanted] else 1)
