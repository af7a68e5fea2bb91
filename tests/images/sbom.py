#!/usr/bin/env python3
"""A bill of materials as CycloneDX JSON, on standard output. The same input gives the same text.

sbom.py whole              every package of Cargo.lock
sbom.py PROGRAM [ROOT]     what is linked into a program of the workspace, the C and C++ sources that crates bring along,
                           and the Debian packages that ROOT/usr/share/streamjob/packages lists
"""
import json
import pathlib
import subprocess
import sys
import tomllib

TOP = pathlib.Path(__file__).resolve().parents[2]


def metadata(program):
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    if program != "whole":
        host = subprocess.run(["rustc", "-vV"], cwd=TOP, check=True, capture_output=True, text=True).stdout
        command += ["--filter-platform", host.partition("host: ")[2].split()[0]]
    return json.loads(subprocess.run(command, cwd=TOP, check=True, capture_output=True).stdout)


def checksums():
    lock = tomllib.loads((TOP / "Cargo.lock").read_text())
    return {(p["name"], p["version"]): p["checksum"] for p in lock["package"] if "checksum" in p}


def linked(meta, program):
    """Ids of the packages that a program is made of: no build scripts, no macros' own parts, no tests."""
    packages = {package["id"]: package for package in meta["packages"]}
    nodes = {node["id"]: node for node in meta["resolve"]["nodes"]}

    def has(package):
        return any(t["name"] == program and "bin" in t["kind"] for t in package["targets"])

    owners = [i for i in meta["workspace_members"] if has(packages[i])]
    if len(owners) != 1:
        sys.exit(f"no program {program}")
    found, rest = set(), owners
    while rest:
        at = rest.pop()
        if at in found:
            continue
        found.add(at)
        is_macro = any("proc-macro" in target["kind"] for target in packages[at]["targets"])
        for needed in [] if is_macro else nodes[at]["deps"]:
            if any(kind["kind"] is None for kind in needed["dep_kinds"]):
                rest.append(needed["pkg"])
    return found


def crate(package, sums):
    name, version = package["name"], package["version"]
    component = {
        "type": "library" if package["source"] else "application",
        "bom-ref": f"pkg:cargo/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:cargo/{name}@{version}",
    }
    if package["license"]:
        component["licenses"] = [{"expression": package["license"].replace(" / ", "/").replace("/", " OR ")}]
    if (name, version) in sums:
        component["hashes"] = [{"alg": "SHA-256", "content": sums[name, version]}]
    return component


def foreign(package):
    """The C or C++ library whose sources a crate brings along; its version stands behind the crate's own."""
    _, plus, version = package["version"].partition("+")
    if not package["links"] or not plus:
        return None
    name = package["links"]
    version = version.removeprefix(name).lstrip(".-")
    return {
        "type": "library",
        "bom-ref": f"pkg:generic/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:generic/{name}@{version}",
    }


def debian(root):
    for line in (pathlib.Path(root) / "usr/share/streamjob/packages").read_text().splitlines():
        name, version = line.split()
        purl = f"pkg:deb/debian/{name}@{version}"
        yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def main(program, root=None):
    meta, sums = metadata(program), checksums()
    packages = meta["packages"]
    if program != "whole":
        ids = linked(meta, program)
        packages = [package for package in packages if package["id"] in ids]
    components = [crate(package, sums) for package in packages]
    components += filter(None, map(foreign, packages))
    components += debian(root) if root else []
    version = next(p["version"] for p in meta["packages"] if p["id"] in meta["workspace_members"])
    subject = {"type": "container" if root else "application", "name": program, "version": version}
    if program == "whole":
        subject["name"] = "streamjob"
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject},
        "components": sorted(components, key=lambda component: component["bom-ref"]),
    }
    json.dump(bill, sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
