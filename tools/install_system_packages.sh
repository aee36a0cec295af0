#!/usr/bin/env bash
# Install what isoguide's checks take from Debian or Ubuntu; does nothing where all of it is there.
#   dicom3tools   dciodvfy, which judges the DICOM files that isoguide writes (checks only, never at run time)
#   postgresql    a server that the tests of the records start and stop by themselves (checks only)
#   chromium      the browser in which the tests look at the console's page (checks only)
#   nodejs, npm   what checks and builds the console's page (the built page is committed, so never at run time)
#   python3-venv  the environment that make builds
#   make, git     as the name says
# Usage: tools/install_system_packages.sh      as root, or as a user who may use sudo
set -euo pipefail

missing=()
command -v dciodvfy >/dev/null || missing+=(dicom3tools)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
command -v chromium >/dev/null || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
command -v make >/dev/null || missing+=(make)
command -v git >/dev/null || missing+=(git)
if [ ${#missing[@]} -eq 0 ]; then
  echo "system packages: all there"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "error: ${missing[*]} must be installed, and that needs root or sudo" >&2
    exit 1
  }
  as_root=(sudo)
fi
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
  # Debian would make a database cluster and start it as a service; nobody here needs it.
  "${as_root[@]}" mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] ||
    echo "create_main_cluster = false" | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
echo "system packages: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq -o Acquire::Retries=3
"${as_root[@]}" apt-get install -qq -y --no-install-recommends -o Acquire::Retries=3 "${missing[@]}" </dev/null
