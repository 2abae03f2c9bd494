// Pages that agree on keys over a network that loses, delays, repeats and lies. Keys, hashes and frames are real.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Agreement, type Privacy } from "./agreement.ts";
import { type Bytes, utf8 } from "./bytes.ts";
import type { ToWorker } from "./frames.ts";
import { KeyRing } from "./ring.ts";
import type { KeyMessage } from "./round.ts";

interface Sent {
  from: string;
  to: string;
  message: KeyMessage;
}

/** What the network does with a message on its way to one page: what comes of it. */
type Fate = (sent: Sent) => Sent[];

class Page {
  readonly ring = new KeyRing();
  readonly agreement: Agreement;
  readonly name: string;
  /** Key ids with which it was told to send. */
  readonly sentWith: number[] = [];

  constructor(network: Network, name: string) {
    this.name = name;
    this.agreement = new Agreement("room", name, {
      send: (to, message) => network.send(name, to, message),
      tell: (message) => this.#told(message),
      onChange: () => undefined,
    });
  }

  get privacy(): Privacy {
    return this.agreement.privacy;
  }

  async #told(message: ToWorker): Promise<unknown> {
    if (message.do === "send") {
      this.sentWith.push(message.kid);
      await this.ring.send(message.base, message.kid);
    } else if (message.do === "receive") await this.ring.receive(message.sender, message.base, message.kid);
    else if (message.do === "silence") this.ring.silence();
    else if (message.do === "forget") this.ring.forget(message.sender);
    return undefined;
  }
}

class Network {
  readonly pages = new Map<string, Page>();
  readonly log: Sent[] = [];
  /** All that were ever there. */
  readonly made: Page[] = [];
  fate: Fate = (sent) => [sent];

  join(name: string): Page {
    const page = new Page(this, name);
    this.pages.get(name)?.agreement.close();
    this.pages.set(name, page);
    this.made.push(page);
    page.agreement.dispatch({ type: "start" });
    return page;
  }

  leave(name: string): Page | undefined {
    const page = this.pages.get(name);
    page?.agreement.close();
    this.pages.delete(name);
    for (const other of this.pages.values()) other.agreement.dispatch({ type: "left", participant: name });
    return page;
  }

  send(from: string, to: string | undefined, message: KeyMessage): void {
    for (const name of to === undefined ? this.pages.keys() : [to]) {
      if (name === from) continue;
      const sent = { from, to: name, message };
      this.log.push(sent);
      for (const one of this.fate(sent)) {
        setImmediate(() => this.pages.get(one.to)?.agreement.dispatch({ type: "message", from: one.from, message: one.message }));
      }
    }
  }
}

let network = new Network();
afterEach(() => {
  for (const page of network.made) page.agreement.close();
  network = new Network();
});

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 3000; turn++) {
    if (isSo()) return;
    await new Promise((wake) => setTimeout(wake, 5));
  }
  throw new Error(`never: ${what}`);
}

function all(...pages: Page[]): Promise<void> {
  return until("all are encrypted with the same code", () => {
    const codes = new Set(pages.map((one) => one.agreement.code));
    return codes.size === 1 && !codes.has(null) && pages.every((one) => one.privacy === "encrypted");
  });
}

async function hears(from: Page, to: Page): Promise<boolean> {
  const sealed = await from.ring.sealFrame("audio", utf8("hello"));
  return sealed !== null && (await to.ring.openFrame("audio", from.name, sealed)) instanceof Uint8Array;
}

/** Everybody hears everybody. */
function talk(...pages: Page[]): Promise<void> {
  const pairs = pages.flatMap((from) => pages.filter((to) => to !== from).map((to) => [from, to] as const));
  return (async () => {
    for (const [from, to] of pairs) {
      for (let turn = 0; !(await hears(from, to)); turn++) {
        if (turn > 600) throw new Error(`${to.name} never hears ${from.name}`);
        await new Promise((wake) => setTimeout(wake, 5));
      }
    }
  })();
}

test("two agree, and show the same eight digits", async () => {
  const ann = network.join("ann");
  assert.equal(ann.privacy, "none", "alone");
  const ben = network.join("ben");
  await all(ann, ben);
  await talk(ann, ben);
  assert.match(ann.agreement.code ?? "", /^\d{8}$/);
  const steps = (name: string) => network.log.filter((one) => one.from === name).map((one) => one.message.step);
  for (const name of ["ann", "ben"]) {
    const said = steps(name);
    assert.ok(said.indexOf("commit") < said.indexOf("reveal") && said.indexOf("reveal") < said.indexOf("wrap"), said.join());
  }
});

test("nobody reveals before all have committed", async () => {
  const committed = new Set<string>();
  network.fate = (sent) => {
    const { message } = sent;
    if (message.step === "commit") committed.add(`${sent.to} has ${sent.from}'s of ${message.round.number}`);
    if (message.step === "reveal") {
      const others = [...network.pages.keys()].filter((one) => one !== sent.from);
      for (const other of others) assert.ok(committed.has(`${sent.from} has ${other}'s of ${message.round.number}`), sent.from);
    }
    return [sent];
  };
  const [ann, ben] = [network.join("ann"), network.join("ben")];
  await all(ann, ben);
  const cat = network.join("cat");
  await all(ann, ben, cat);
});

test("who comes later can't read what was before; who has left can't read what follows", async () => {
  const [ann, ben] = [network.join("ann"), network.join("ben")];
  await all(ann, ben);
  await talk(ann, ben);
  const before = (await ann.ring.sealFrame("audio", utf8("before"))) as Bytes;
  const [first, firstKid] = [ann.agreement.code, ann.sentWith.at(-1)];
  const cat = network.join("cat");
  await all(ann, ben, cat);
  await talk(ann, ben, cat);
  assert.notEqual(ann.agreement.code, first);
  await until("a new key", () => ann.sentWith.at(-1) !== firstKid);
  assert.equal(await cat.ring.openFrame("audio", "ann", before), "unknownKey");
  // Leaves without ending anything: it keeps its keys and goes on listening.
  const third = ann.sentWith.at(-1);
  network.pages.delete("cat");
  for (const page of [ann, ben]) page.agreement.dispatch({ type: "left", participant: "cat" });
  await all(ann, ben);
  await until("a new key", () => ann.sentWith.at(-1) !== third && ben.sentWith.length === ann.sentWith.length);
  await talk(ann, ben);
  const after = (await ann.ring.sealFrame("audio", utf8("after"))) as Bytes;
  assert.equal(await cat.ring.openFrame("audio", "ann", after), "unknownKey");
  assert.deepEqual(await ben.ring.openFrame("audio", "ann", after), utf8("after"));
  assert.equal(new Set(ann.sentWith).size, ann.sentWith.length, "no key begins twice");
});

test("a reload in the middle, and both at once", async () => {
  const [ann, ben] = [network.join("ann"), network.join("ben")];
  await all(ann, ben);
  const again = network.join("ben");
  await all(ann, again);
  await talk(ann, again);
  const [ann2, ben2] = [network.join("ann"), network.join("ben")];
  await all(ann2, ben2);
  await talk(ann2, ben2);
});

test("three who come at the same moment", async () => {
  const pages = ["cat", "ann", "ben"].map((name) => network.join(name));
  await all(...pages);
  await talk(...pages);
});

test("every third message is lost, every second comes twice: they agree all the same", async () => {
  let count = 0;
  network.fate = (sent) => {
    count += 1;
    if (count % 3 === 0) return [];
    return count % 2 === 0 ? [sent, sent] : [sent];
  };
  const [ann, ben] = [network.join("ann"), network.join("ben")];
  await all(ann, ben);
  await talk(ann, ben);
});

test("the link breaks while somebody leaves and comes back: nobody has to do anything", async () => {
  const [ann, ben] = [network.join("ann"), network.join("ben")];
  await all(ann, ben);
  network.fate = () => [];
  ann.agreement.dispatch({ type: "left", participant: "ben" });
  assert.equal(await ann.ring.sealFrame("audio", utf8("alone")).then((it) => it !== null && ann.privacy !== "none"), false);
  network.fate = (sent) => [sent];
  // The same page, by its media: it hasn't noticed that it was away.
  ann.agreement.dispatch({ type: "seen", participant: "ben" });
  await all(ann, ben);
  await talk(ann, ben);
});

test("a server that puts its own keys in between is seen by the digits", async () => {
  // Two networks with a page of the server's in each: ann talks to "ben", who is the server, and so does ben to "ann".
  const ann = network.join("ann");
  const falseBen = network.join("ben");
  await all(ann, falseBen);
  const other = new Network();
  const falseAnn = other.join("ann");
  const ben = other.join("ben");
  await all(falseAnn, ben);
  assert.notEqual(ann.agreement.code, ben.agreement.code);
  for (const page of other.made) page.agreement.close();
});

test("a key that isn't the one committed to ends the agreement", async () => {
  const { publicKey } = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]) as CryptoKeyPair;
  const own = Buffer.from(await crypto.subtle.exportKey("raw", publicKey)).toString("base64url");
  network.fate = (sent) => {
    const { message } = sent;
    return sent.from === "ben" && message.step === "reveal" ? [{ ...sent, message: { ...message, public_key: own } }] : [sent];
  };
  const [ann] = [network.join("ann"), network.join("ben")];
  await until("refused", () => ann.privacy === "refused");
  assert.equal(ann.agreement.breach, "commitment");
  assert.equal(ann.agreement.code, null);
  assert.equal(await ann.ring.sealFrame("audio", utf8("no")), null, "nothing is sent");
});

test("a hash or a list that changes after it was told ends the agreement", async () => {
  for (const what of ["commitment", "members"] as const) {
    let isChanged = false;
    network.fate = (sent) => {
      const { message } = sent;
      if (sent.to !== "ann" || message.step !== "commit") return [sent];
      isChanged = true;
      const changed =
        what === "commitment"
          ? { ...message, commitment: "AAAA" }
          : { ...message, members: [...message.members, { participant: "eve", instance: "e" }] };
      return [sent, { ...sent, message: changed }];
    };
    const [ann] = [network.join("ann"), network.join("ben")];
    await until(what, () => isChanged && ann.privacy === "refused");
    assert.equal(ann.agreement.breach, "changed", what);
    for (const name of ["ann", "ben"]) network.leave(name);
  }
});

test("wrapped keys are good for one receiver and one round only", async () => {
  const [ann, ben] = [network.join("ann"), network.join("ben")];
  await all(ann, ben);
  const old = network.log.find((one) => one.from === "ben" && one.message.step === "wrap")?.message;
  assert.ok(old?.step === "wrap");
  // The next round's wrapped keys are replaced by those of before, and once by ann's own.
  const mine = network.log.find((one) => one.from === "ann" && one.message.step === "wrap")?.message;
  assert.ok(mine?.step === "wrap");
  let replaced = 0;
  network.fate = (sent) => {
    const { message } = sent;
    if (sent.to !== "ann" || message.step !== "wrap" || replaced >= 2) return [sent];
    replaced += 1;
    return [{ ...sent, message: { ...message, wrapped: (replaced === 1 ? old : mine).wrapped } }];
  };
  const again = network.join("ben");
  await until("both were tried", () => replaced === 2);
  await all(ann, again);
  await talk(ann, again);
});

test("a server that makes them begin again and again is stopped before it can try for the right digits", async () => {
  const [ann, ben] = [network.join("ann"), network.join("ben")];
  await all(ann, ben);
  for (let turn = 0; turn < 150 && ann.privacy !== "refused"; turn++) {
    ann.agreement.dispatch({ type: "message", from: "ben", message: { step: "hello", instance: `forged ${turn}`, number: 0 } });
    ann.agreement.dispatch({ type: "message", from: "ben", message: { step: "hello", instance: `forged ${turn}`, number: 0 } });
  }
  assert.equal(ann.agreement.breach, "too_many");
});

test("nonsense is no step", async () => {
  const [ann, ben] = [network.join("ann"), network.join("ben")];
  await all(ann, ben);
  const round = { number: 99, opener: "ben", nonce: "x" };
  for (const message of [
    { step: "commit", round, members: [], commitment: "" },
    { step: "commit", round, members: [{ participant: "ben", instance: "i" }], commitment: "" },
    { step: "reveal", round, public_key: "!!" },
    { step: "wrap", round, wrapped: "?" },
    { step: "have", round },
  ] as KeyMessage[]) {
    ann.agreement.dispatch({ type: "message", from: "ben", message });
    ann.agreement.dispatch({ type: "message", from: "ann", message });
  }
  await all(ann, ben);
  await talk(ann, ben);
});
