"""All nouns that are examined, in the order of their ids: importing this registers every check."""

# isort: off
from lvsctl.doctor import (
    spec,
    adopted,
    scripts,
    dispatchers,
    settings,
    stated,
    realserver,
    persistence,
    modules,
    routes,
)
from lvsctl.doctor import keepalived, held_scripts, table, sorry, credentials, agent
from lvsctl.doctor import boot, config_file, confinement, limits, mounts, own_programs, patience, translation

# isort: on

MODULES = (
    spec,
    adopted,
    scripts,
    dispatchers,
    settings,
    stated,
    realserver,
    persistence,
    modules,
    routes,
    keepalived,
    held_scripts,
    table,
    sorry,
    credentials,
    agent,
    boot,
    config_file,
    confinement,
    limits,
    mounts,
    own_programs,
    patience,
    translation,
)
