// sfu: cost, latency, loss, joins and memory of the media server under real participants (--peer janus: side by side)
//
// The participants are tests/load's, in Rust; this runs them and prints their figures. What the scenes are, and
// what the peers imitate: tests/load/README.md.
import { spawnSync } from "node:child_process";
import { finish, median, option, round, say, table } from "./lib/report.ts";

interface Sample {
  packets_per_core_second: number;
  offered_pps: number;
  busy_pct: number;
  kernel_pct: number;
  waited_pct: number;
  loss_pct: number;
  latency_us: { p50: number; p99: number };
  generator_busy_pct: number;
  generator_drops: number;
  srtp: string;
}

interface OfServer {
  name: string;
  livestream?: Sample[];
  rooms?: Sample[];
  latency_livestream?: Sample[];
  latency_rooms?: Sample[];
  latency_shared?: Sample[];
}

interface Joins {
  seconds: number;
  connections: number;
  rss_per_idle_peer_kib: number;
}

interface Figures {
  is_pinned: boolean;
  feedback_ms: number;
  takes_trains: boolean;
  ours: OfServer;
  peer?: OfServer;
  growth_10?: Sample[];
  growth_100?: Sample[];
  growth_1000?: Sample[];
  joins?: Joins[];
  rss_per_active_peer_kib?: number[];
  churn?: { joins: number; rss_mb_at_1000: number; rss_mb_at_end: number; seconds: number };
}

type Rows = [name: string, unit: string, values: number[]][];

/** Where the servers are when Janus is among them: it doesn't use the loopback device. */
const [PEER_AT, PEER_NETWORK, PEER_INTERFACE] = ["198.18.0.1", "198.18.0.0/15", "bench0"];

/** A network of its own for the bench, gone with it: nothing is opened to anybody, nothing of the machine's changed. */
const OWN_NETWORK = `
  ip link set lo up
  ip link add ${PEER_INTERFACE} type veth peer name bench1
  ip addr add ${PEER_AT}/32 dev ${PEER_INTERFACE}
  ip link set ${PEER_INTERFACE} up
  ip link set bench1 up
  ip route add local ${PEER_NETWORK} dev ${PEER_INTERFACE}
  exec "$@"`;

const runs = option("runs", 3);
const seconds = option("seconds", 10);
const peer = text("peer");
const scenes = process.argv.flatMap((word, at) => (word === "--scene" ? [process.argv[at + 1] ?? ""] : []));
if (process.argv.includes("--churn")) scenes.push("churn");
if (peer !== undefined && peer !== "janus") {
  console.error(`--peer takes janus, not ${peer}`);
  process.exit(2);
}

const figures = measure();
const rows: Rows = [];
rowsOf("", figures.ours);
if (figures.peer) rowsOf(`${figures.peer.name} `, figures.peer);
const growth = growthPct();
if (growth) rows.push(["cost growth, 10 to 1,000 watch", "%", growth]);
rows.push(["500 join", "s", figures.joins?.map((it) => it.seconds) ?? []]);
rows.push(["resident, idle peer", "KiB", figures.joins?.map((it) => it.rss_per_idle_peer_kib) ?? []]);
rows.push(["resident, active peer", "KiB", figures.rss_per_active_peer_kib ?? []]);
if (figures.churn) rows.push([`growth by ${figures.churn.joins} joins`, "%", [churn(figures.churn).growth_pct]]);
warn();
table(rows.filter(([, , values]) => values.length > 0));
finish({
  runs,
  seconds_a_run: seconds,
  pinned: figures.is_pinned,
  feedback_ms: figures.feedback_ms,
  takes_trains: figures.takes_trains,
  ...summary(figures.ours),
  cost_growth_pct: growth && round(median(growth)),
  cost_us: growth && {
    10: cost(figures.growth_10),
    100: cost(figures.growth_100),
    1000: cost(figures.growth_1000),
  },
  join_500_s: figures.joins && round(median(figures.joins.map((it) => it.seconds)), 2),
  rss_per_idle_peer_kib: figures.joins && round(median(figures.joins.map((it) => it.rss_per_idle_peer_kib))),
  rss_per_active_peer_kib: figures.rss_per_active_peer_kib && round(median(figures.rss_per_active_peer_kib)),
  churn: figures.churn && churn(figures.churn),
  ...(figures.peer && { peer: summary(figures.peer), ratio: ratio(figures.ours, figures.peer) }),
});

function text(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : (process.argv[at + 1] ?? "");
}

/** Runs the load generator; what it says goes to standard error as it comes. */
function measure(): Figures {
  const bin = process.env["MADOGUCHI_BIN"] ?? "target/release";
  const words = ["--server", `${bin}/media-server`, "--runs", String(runs), "--seconds", String(seconds)];
  for (const scene of scenes) words.push("--scene", scene);
  if (process.argv.includes("--no-trains")) words.push("--no-trains");
  let command = [`${bin}/madoguchi-load`, ...words];
  if (peer) {
    command.push("--at", PEER_AT, "--janus", "/usr/bin/janus", "--janus-interface", PEER_INTERFACE);
    // Without root, a user namespace gives the right to make a network; with it, none is needed.
    const isolate = process.getuid?.() === 0 ? ["--net"] : ["--user", "--map-root-user", "--net"];
    command = ["unshare", ...isolate, "sh", "-ec", OWN_NETWORK, "sh", ...command];
  }
  const [program = "", ...rest] = command;
  const done = spawnSync(program, rest, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 26 });
  if (done.error) throw done.error;
  if (done.status !== 0) {
    console.error(`${program} ended with ${done.status ?? done.signal}`);
    process.exit(1);
  }
  return JSON.parse(done.stdout) as Figures;
}

function rowsOf(who: string, of: OfServer): void {
  for (const name of ["livestream", "rooms"] as const) {
    const samples = of[name] ?? [];
    rows.push([`${who}${name}`, "packets/core s", samples.map((it) => it.packets_per_core_second)]);
    rows.push(["  offered", "packets/s", samples.map((it) => it.offered_pps)]);
    rows.push(["  busy", "%", samples.map((it) => it.busy_pct)]);
    rows.push(["  of it in the kernel", "%", samples.map((it) => it.kernel_pct)]);
    rows.push(["  waited for the core", "%", samples.map((it) => it.waited_pct)]);
    rows.push(["  lost", "%", samples.map((it) => it.loss_pct)]);
  }
  for (const [name, samples] of [
    ["latency, rooms, 40,000/s", of.latency_rooms],
    ["latency, livestream, 40,000/s", of.latency_livestream],
    ["latency, rooms, 29,000/s", of.latency_shared],
  ] as const) {
    rows.push([`${who}${name}: p50`, "µs", samples?.map((it) => it.latency_us.p50) ?? []]);
    rows.push(["  p99", "µs", samples?.map((it) => it.latency_us.p99) ?? []]);
  }
}

/** The figures of a server, as medians. */
function summary(of: OfServer) {
  const latency = (samples?: Sample[]) =>
    samples && {
      p50: round(median(samples.map((it) => it.latency_us.p50))),
      p99: round(median(samples.map((it) => it.latency_us.p99))),
    };
  return {
    server: of.name,
    scenes: { livestream: scene(of.livestream), rooms: scene(of.rooms) },
    forward_latency_us: latency(of.latency_rooms),
    livestream_forward_latency_us: latency(of.latency_livestream),
    shared_forward_latency_us: latency(of.latency_shared),
  };
}

function scene(samples?: Sample[]) {
  if (!samples) return undefined;
  const middle = (of: (sample: Sample) => number, digits = 1) => round(median(samples.map(of)), digits);
  return {
    packets_per_core_second: middle((it) => it.packets_per_core_second, 0),
    offered_pps: middle((it) => it.offered_pps, 0),
    busy_pct: middle((it) => it.busy_pct),
    kernel_pct: middle((it) => it.kernel_pct),
    waited_pct: middle((it) => it.waited_pct),
    loss_pct: middle((it) => it.loss_pct, 4),
    srtp: samples[0]?.srtp,
  };
}

/** Microseconds of the server's CPU for a forwarded packet. */
function cost(samples?: Sample[]): number {
  return round(median((samples ?? []).map((it) => 1e6 / it.packets_per_core_second)), 2);
}

/** By how much a packet costs more with a thousand who watch than with ten, run by run. */
function growthPct(): number[] | undefined {
  const { growth_10: few, growth_1000: many } = figures;
  return many?.map((it, run) => ((few?.[run]?.packets_per_core_second ?? Number.NaN) / it.packets_per_core_second - 1) * 100);
}

function churn(of: NonNullable<Figures["churn"]>) {
  return {
    joins: of.joins,
    rss_mb_at_1000: round(of.rss_mb_at_1000),
    rss_mb_at_10000: round(of.rss_mb_at_end),
    growth_pct: round((of.rss_mb_at_end / of.rss_mb_at_1000 - 1) * 100),
  };
}

/** Ours is better where it is above 1. */
function ratio(ours: OfServer, theirs: OfServer) {
  const packets = (name: "livestream" | "rooms") => {
    const [mine, its] = [ours[name], theirs[name]];
    if (!mine || !its) return undefined;
    const middle = (samples: Sample[]) => median(samples.map((it) => it.packets_per_core_second));
    return round(middle(mine) / middle(its), 2);
  };
  const latency = (p: "p50" | "p99") => {
    const [mine, its] = [ours.latency_shared, theirs.latency_shared];
    if (!mine || !its) return undefined;
    const middle = (samples: Sample[]) => median(samples.map((it) => it.latency_us[p]));
    return round(middle(its) / middle(mine), 2);
  };
  return {
    packets_per_core_second: { livestream: packets("livestream"), rooms: packets("rooms") },
    latency: { p50: latency("p50"), p99: latency("p99") },
  };
}

/** What makes figures doubtful is said. */
function warn(): void {
  if (!figures.is_pinned) say("the server isn't on a core of its own: the machine has one core, or doesn't allow it");
  const all = [figures.ours, ...(figures.peer ? [figures.peer] : [])].flatMap((it) => [...(it.livestream ?? []), ...(it.rooms ?? [])]);
  if (all.some((it) => it.waited_pct > 10)) say("other programs used the server's core meanwhile: measure on a quiet machine");
  if (all.some((it) => it.generator_busy_pct > 90)) say("the load generator was as busy as its core allows: the server could do more");
  if (all.some((it) => it.generator_drops > 0)) say("the load generator didn't read fast enough: its losses count as the server's");
}
