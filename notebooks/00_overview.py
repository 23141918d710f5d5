# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · Start here
#
# **Question.** What is this, what in it is real, and where to read on?
#
# This is a notebook compendium on the survey behind *Machine Learning Security in Industry: A
# Quantitative Survey* (Grosse, Bieringer, Besold, Biggio, Krombholz; IEEE TIFS 2023,
# doi:10.1109/TIFS.2023.3251842). A survey's export, its codebook and its analysis plan go in. The
# notebooks clean, describe and test the answers and question the results. Their figures, tables
# and numbers go into web pages and a paper, which links each result back to the cell that computed
# it. This is not the original authors' code, and they had no part in it.

# %% tags=["parameters"]
export: str = "auto"  # raw export; auto is data/raw/export.* if there, else the stand-in
codebook: str = "data/codebook.yml"  # what was asked

# %%
from mlsec_survey.project import open_project
from mlsec_survey.study import overview
from mlsec_survey.study.literature import load_facts

project = open_project("00_overview", globals())
pub = project.publisher()
project.describe()

# %% [markdown]
# ## What is real and what is not
#
# The manifest beside the raw export says whether its answers are synthetic. That one fact puts the
# label on every figure, table and page and on the paper, or takes it away.

# %%
pub.table(
    "data_status",
    overview.data_status(project.manifest, project.codebook),
    "part status",
    caption="What is real and what is not in this run.",
    basis="published",
)

# %% [markdown]
# ## The notebooks
#
# Notebook 01 writes the analysis file; 02 to 05 read it, each on its own; 06 reads what they
# published. Where to begin depends on what you are here for:
#
# - **Ten minutes, as an auditor or a regulator:** the claim ledger and the questions in
#   [06](06_implications.ipynb). They say what each public claim rests on and what not to conclude.
# - **To check a result:** [04](04_hypotheses.ipynb) tests the hypotheses, and
#   [05](05_robustness.ipynb) says what such a sample could have shown and what hangs on choices.
# - **To read about the attacks:** [02](02_sample.ipynb) for who met what,
#   [03](03_attack_relevance.ipynb) for relevance, reasons and documented incidents.
# - **To use it on answers of your own:** *Your own export* below, then [01](01_cleaning.ipynb).

# %%
pub.table(
    "notebook_map",
    overview.notebook_map(project.root / "notebooks/pipeline.yml"),
    "notebook title question after",
    caption="The notebooks, what each asks, and which ones have to be run before it.",
    basis="published",
)

# %% [markdown]
# ## Running it
#
# **By hand.** Open a notebook (`.py` or `.ipynb`, they are one notebook) and run it from the top.
# Begin with 01, which writes the file that the others read. Each notebook shows its results and
# writes them below `figures/` and `paper/generated/`.
#
# **All at once.** In a terminal, `python scripts/run_all.py` runs what a change made necessary,
# renders the web pages into `html/` and sets the paper. `--help` lists the rest.
#
# **Another seed, plan or export.** `python scripts/run_all.py --run NAME --set seed=7` writes the
# same tree under `runs/NAME/` and leaves the default run as it is.
#
# ## Your own export
#
# Put the export as the survey tool wrote it at `data/raw/export.csv` (or `.lsa`, `.sav`, `.xlsx`,
# `.parquet`: `data/raw/README.md` lists tools and formats) and run all. The run stops and prints
# the manifest to put beside it, in `data/raw/export.manifest.yml`, which says what the file is.
# `python scripts/check_export.py FILE` lists beforehand all that is wrong. Free text is coded
# afterwards, best by two people; `data/coding/README.md` says how, and until then what rests on it
# says that it is not yet coded.
# If a column or a code does not fit the codebook, the run stops with one message that names row,
# column, value and remedy. With `synthetic: false` in the manifest the stand-in label disappears.

# %% [markdown]
# ## What was asked
#
# The original questionnaire is not public. The items are this project's reconstruction of what the
# publication names, with items of its own where a questionnaire needs them; the words are
# paraphrases.

# %%
pub.table(
    "instrument",
    overview.instrument_table(project.codebook),
    "item asks:item_asks answers:response_options origin",
    caption="The questionnaire: every item, paraphrased, with its response options.",
    note="Origin: published, the publication names the construct; own, this project's addition.",
    sections="construct",
    basis="published",
)

# %% [markdown]
# ## What is publicly known
#
# The analysis never reads these facts as data. Some are known only because a third party relays
# them about a publication; those are marked, since they were not checked at the source.

# %%
facts = load_facts(project.root / "data/published/facts.csv")
pub.table(
    "published_facts",
    facts.table(),
    "fact source how_known",
    caption="Facts stated in public about the study and its neighbours.",
    basis="published",
)
pub.numbers(facts.numbers(), "The numbers among them", basis="published")

# %% [markdown]
# Some statements are known at third hand only: they stand in a note whose writer says that they
# could not read the publication. They are shown here, so that nobody takes them for overlooked, and
# are used nowhere: no analysis, no comparison and no sentence of the paper rests on them. Whoever
# can read the publication should check them there.

# %%
pub.table(
    "third_hand_facts",
    facts.table(third_hand=True),
    "fact source how_known",
    caption="Statements at third hand. Do not quote them.",
    basis="published",
)

# %% [markdown]
# ## What the columns mean
#
# Each table, and each figure with its values, has a CSV file. Their columns are named in one
# registry, `data/columns.yml`; `paper/generated/data_dictionary.csv` says it again file by file. A
# name that ends in `_*` stands for one column per response option. Counts of a file never mix the
# ways in which an answer can be missing.

# %%
pub.table(
    "data_dictionary",
    project.columns.table(),
    "column heading:column_heading meaning:column_meaning unit:column_unit",
    caption="Every column of the published files: heading, meaning and unit.",
    basis="published",
)
pub.close()

# %% [markdown]
# ## What this does not show
#
# This page computes nothing from answers. What the other notebooks compute is only as good as the
# answers that go in and as the reconstruction of the questionnaire that they rest on.
