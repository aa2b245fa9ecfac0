"""`python -m tests.booted`: what strangers deploy, on a Debian that is booted for it with systemd as process 1.

The Debian package and the units in all their confinement; then the images as `deploy/compose` runs them, on PostgreSQL
and a registry of that machine. Both times somebody plays, and what serves the game is started anew meanwhile.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from deploy.debian.build import build
from deploy.ssh.deploy import PROJECT, release_of
from tests.booted.machine import ADDRESS, DEPLOYED_TO, KEPT, Booted, debian
from tests.integration.docker_engine import RunningEngine

URL = f"http://{ADDRESS}:8000"
AGENT_URL = f"http://{ADDRESS}:9100"
ORCHESTRATOR = f"""ORCHESTRATOR_PUBLIC_URL={URL}
ORCHESTRATOR_HOST=0.0.0.0
ORCHESTRATOR_OPEN_SIGN_UP=yes
"""
AGENT = f"""GAMESERVER_AGENT_ORCHESTRATOR_URL={URL}
GAMESERVER_AGENT_PUBLIC_URL={AGENT_URL}
GAMESERVER_AGENT_TOKEN="""
READY = f"until curl -sf --fail-early {URL}/health/ready {AGENT_URL}/health/ready; do sleep 0.3; done"
REGISTRY = "127.0.0.1:5000/games"
SERVICES = ("migrate", "orchestrator", "orchestrator2", "agent")
COMPOSE = "cd /root/checkout/deploy/compose; docker-compose --file here.yaml"
IN_A_REPLICA = f"{COMPOSE} exec -T orchestrator python -P -m orchestrator"


def images() -> Path:
    """Both, built by `make images` on a Debian that trusts whom this machine trusts."""
    made, context = KEPT / "images.tar", KEPT / "base"
    shutil.rmtree(context, ignore_errors=True)
    (context / "ca").mkdir(parents=True)
    (context / "base.tar").hardlink_to(debian("base", ("ca-certificates", "python3")))
    for certificate in Path("/usr/local/share/ca-certificates").glob("*.crt"):
        shutil.copy(certificate, context / "ca")
    trusted = "/etc/ssl/certs/ca-certificates.crt"
    (context / "Dockerfile").write_text(
        "FROM scratch\nADD base.tar /\nCOPY ca /usr/local/share/ca-certificates\nRUN update-ca-certificates\n"
        f"ENV SSL_CERT_FILE={trusted} PIP_CERT={trusted}\n"
    )
    with RunningEngine() as engine:
        docker = ("docker", "--host", engine.url)
        subprocess.run([*docker, "build", "--quiet", "--network=host", "--tag=base", context], check=True)
        words = ("make", "images", "ARGS=--quiet --network=host --build-arg BASE=base")
        subprocess.run(["env", f"DOCKER_HOST={engine.url}", *words], check=True, cwd=PROJECT)
        version = release_of(PROJECT).version.partition("-")[0]
        names = [f"playhouse/{role}:{version}" for role in ("orchestrator", "agent")]
        subprocess.run([*docker, "save", "--output", made, *names], check=True)
    return made


def with_units(machine: Booted) -> None:
    package = build(machine.root / "root")
    for name, content in (("orchestrator", ORCHESTRATOR), ("agent", AGENT)):
        (machine.root / "root" / f"{name}.env").write_text(content)
    machine.types(f"apt-get install --quiet --quiet ./{package.name}")
    machine.types("playhouse-deploy orchestrator --settings orchestrator.env --within 300")
    machine.types("/opt/playhouse/bin/orchestrator hosts token >> agent.env")
    machine.types("playhouse-deploy agent --settings agent.env --within 300")
    machine.types("systemd-analyze security --threshold=20 --no-pager playhouse-orchestrator | tail -1")
    machine.types("systemd-analyze security --threshold=60 --no-pager playhouse-agent | tail -1")
    machine.types(f"usermod --append --groups docker playhouse && systemctl restart playhouse-orchestrator && {READY}")
    machine.types("python3 /usr/lib/playhouse/deploy/games/tiny-counter/build.py")
    machine.types("/opt/playhouse/bin/orchestrator games add /usr/lib/playhouse/deploy/games/tiny-counter/game.toml")
    play(machine, f"systemctl restart playhouse-agent && {READY}")
    play(machine, f"systemctl restart playhouse-orchestrator && {READY}")
    play(machine, f"systemctl stop playhouse-agent && systemctl start playhouse-agent && {READY}")
    for unit in ("playhouse-agent", "playhouse-orchestrator"):
        machine.types(
            f"systemctl disable --quiet --now {unit}; systemctl show --property=Result --value {unit} | grep -x success"
        )
    machine.types("systemctl stop 'playhouse-seat-*'")


def with_containers(machine: Booted, packed: Path) -> None:
    release = release_of(PROJECT)
    for name, (content, is_executable) in release.files.items():
        file = machine.root / "root" / "checkout" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o755 if is_executable else 0o644)
    with packed.open("rb") as given:
        subprocess.run(machine.inside("docker", "load", "--quiet"), stdin=given, check=True)
    machine.types("rm -rf /var/lib/playhouse-agent/* /run/playhouse-agent/*")
    machine.types("checkout/deploy/compose/prepare play.example.org you@example.org")
    machine.types(
        """install -m 644 /dev/null role.sql
        printf "CREATE ROLE playhouse LOGIN PASSWORD '%s'" "$(cat checkout/deploy/compose/secrets/postgres)" > role.sql
        sed -i '/^auth:/,$d; s|addr: :5000|addr: 127.0.0.1:5000|' /etc/docker/registry/config.yml
        systemctl restart postgresql docker-registry
        until runuser -u postgres -- psql --quiet < role.sql; do sleep 1; done
        runuser -u postgres -- createdb --owner=playhouse playhouse"""
    )
    write_what_runs_here(machine)
    machine.types(
        f"{COMPOSE} up --detach migrate orchestrator orchestrator2; until curl -sf {URL}/health/ready; do sleep 1; done"
    )
    machine.types(
        f"""image={REGISTRY}/tiny-counter:1
        python3 checkout/deploy/games/tiny-counter/build.py $image
        docker push --quiet $image
        sed 's|"playhouse/|"{REGISTRY}/|' checkout/deploy/games/tiny-counter/game.toml > game.toml
        {COMPOSE} exec -T orchestrator sh -c "cat > /tmp/game.toml" < ~/game.toml
        {IN_A_REPLICA} games add /tmp/game.toml"""
    )
    machine.types(
        f"{COMPOSE} exec -T orchestrator python -P -m orchestrator hosts token | sed 's/^/HOST_TOKEN=/' >> .env"
    )
    write_what_runs_here(machine)
    machine.types(f"{COMPOSE} up --detach agent; {READY}")
    play(machine, f"docker restart playhouse_agent_1 && {READY}")
    play(machine, f"{COMPOSE} up --detach --no-deps --force-recreate agent && {READY}")


def write_what_runs_here(machine: Booted) -> None:
    """`here.yaml`: compose's own services of ours, with what this machine has in the place of all others."""
    whole = yaml.safe_load(machine.types("cd checkout/deploy/compose; docker-compose --profile agent config"))
    services = {name: whole["services"][name] for name in SERVICES}
    for name, service in services.items():
        for other in ("build", "depends_on", "networks"):
            service.pop(other, None)
        service["network_mode"] = "host"
        if name == "agent":
            service["environment"] |= {
                "GAMESERVER_AGENT_ORCHESTRATOR_URL": URL,
                "GAMESERVER_AGENT_PUBLIC_URL": AGENT_URL,
            }
        else:
            service["extra_hosts"] = ["postgres:127.0.0.1"]
            service["environment"] |= {
                "ORCHESTRATOR_PUBLIC_URL": URL,
                "ORCHESTRATOR_STORE_URL": "",
                "ORCHESTRATOR_STORE_ENDPOINT": "",
                "ORCHESTRATOR_REGISTRY": REGISTRY,
                "ORCHESTRATOR_OPEN_SIGN_UP": "yes",
                "ORCHESTRATOR_PORT": "8001" if name == "orchestrator2" else "8000",
            }
    here = {"version": whole["version"], "services": services, "secrets": whole["secrets"], "volumes": {"replicas": {}}}
    (machine.root / "root" / "checkout" / "deploy" / "compose" / "here.yaml").write_text(json.dumps(here))


def play(machine: Booted, meanwhile: str) -> None:
    print(f"somebody plays, and meanwhile # {meanwhile}", flush=True)
    command = machine.inside("timeout", "120", "bash", "-euo", "pipefail", "-c", meanwhile)
    subprocess.run(machine.in_its_network(sys.executable, "-m", "tests.booted.evening", URL, *command), check=True)


def main() -> None:
    packed = images()
    with Booted(debian("machine", DEPLOYED_TO)) as machine:
        try:
            with_units(machine)
            with_containers(machine, packed)
        except BaseException:
            logs = (
                "journalctl --no-pager --lines=80; for each in $(docker ps -aq); do docker logs --tail 30 $each; done"
            )
            print(
                subprocess.run(
                    machine.inside("sh", "-c", f"{logs} 2>&1"), capture_output=True, text=True, check=False
                ).stdout
            )
            raise
    print("all of it went well")


if __name__ == "__main__":
    main()
