"""chart.py readme FOLDER          prints the README of a chart, made from the comments in its values
chart.py without-kinds FILE     takes the custom resource definitions out of rendered manifests"""

import re
import sys

HEAD = """# {name}

{description}. Generated from `values.yaml` by `tests/tools/chart.sh write`; do not edit.

```
helm install streamjob {folder} --namespace streamjob-system --create-namespace
helm test streamjob --namespace streamjob-system
```

[Operations](../../docs/operations.md) leads through the rest: first job, rescale, upgrade, savepoints, uninstall.
The custom resources are upgraded with the chart and stay, with all jobs, when it is uninstalled.

| value | default | what it is |
|---|---|---|
"""


def rows(text):
    """One row for each value with its default; comments above a key say what it is."""
    path, comment = [], []
    for line in text.splitlines():
        if not line.strip():
            comment = []
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        if line.lstrip().startswith("#"):
            comment.append(line.strip().lstrip("# "))
            continue
        match = re.match(r"\s*([A-Za-z]+):\s*(.*)$", line)
        key, default = match.group(1), match.group(2)
        path = path[:depth] + [key]
        if default:
            yield ".".join(path), default, " ".join(comment)
        comment = []


def readme(folder):
    with open(f"{folder}/Chart.yaml", encoding="utf-8") as file:
        chart = dict(re.findall(r"^(name|description): (.*)$", file.read(), re.M))
    with open(f"{folder}/values.yaml", encoding="utf-8") as file:
        text = file.read()
    print(HEAD.format(folder=folder, **chart), end="")
    for name, default, what in rows(text):
        shown = default.replace("|", "\\|")
        print(f"| `{name}` | `{shown}` | {what.replace('|', chr(92) + '|')} |")


def without_kinds(path):
    with open(path, encoding="utf-8") as file:
        parts = re.split(r"^---\n", file.read(), flags=re.M)
    kept = [part for part in parts if part.strip() and "kind: CustomResourceDefinition" not in part]
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(f"---\n{part}" for part in kept))


if __name__ == "__main__":
    {"readme": readme, "without-kinds": without_kinds}[sys.argv[1]](sys.argv[2])
