// How the pages of a call agree on keys: a pure machine. `advance(state, event)` gives the next state and the effects that
// the runner (agreement.ts) carries out; nothing here computes, waits or sends.
//
// A *round* is one agreement of a fixed list of pages. Each makes a new key pair for it and first tells only the hash of
// its public key (commit); the key itself (reveal) once it has the hashes of all. So nobody, the server between them
// included, can choose a key after having seen another one: that is what makes eight digits of a hash over all keys
// enough to compare. Then each wraps its own frame key for each of the others, and says so when it has all of theirs. Who
// comes, goes or reloads makes a new round.
//
// Invariant: a key pair serves one round only, and its public key is told only when all hashes of that round are here and
// can't change any more; a frame key is given only to pages whose revealed key was the one that they had committed to.

export interface Member {
  participant: string;
  instance: string;
}

export interface Round {
  number: number;
  opener: string;
  nonce: string;
}

/** As `protocol::keys::KeyMessage`. */
export type KeyMessage =
  | { step: "hello"; instance: string; number: number }
  | { step: "commit"; round: Round; members: Member[]; commitment: string }
  | { step: "reveal"; round: Round; public_key: string }
  | { step: "wrap"; round: Round; wrapped: string }
  | { step: "have"; round: Round };

export const MAX_MEMBERS = 32;
/** Each round is a chance of one in 10^8 that a server in between meets the other side's digits: together one in 10^6. */
export const MAX_ROUNDS = 100;

/** Why the machine doesn't go on: somebody between the pages has changed what they said, or never stops. */
export type Breach = "commitment" | "changed" | "too_many";

export interface Current {
  round: Round;
  /** In ascending order of participants, which gives each its place. */
  members: Member[];
  /** By participant, one's own included. */
  commitments: Record<string, string>;
  /** Told, but not compared with their commitments yet. */
  unchecked: Record<string, string>;
  keys: Record<string, string>;
  /** Others' wrapped keys that came before all public keys were there. */
  early: Record<string, string>;
  /** One's own wrapped key for each of the others. */
  wraps: Record<string, string> | null;
  /** Whose frame keys are here. */
  opened: string[];
  /** Who has all. */
  satisfied: string[];
  isRevealed: boolean;
  isInUse: boolean;
  ticks: number;
}

export interface State {
  me: Member;
  /** The largest number of a round that was seen. */
  number: number;
  rounds: number;
  /** Others who are there, and which page of theirs spoke last ("": none has spoken). */
  known: Record<string, string>;
  /** How often each has asked in vain for a round. */
  asked: Record<string, number>;
  current: Current | null;
  /** The pages that have the key that is in use now. */
  sharers: string[];
  breach: Breach | null;
}

export type Event =
  /** This page is in the room. */
  | { type: "start" }
  | { type: "message"; from: string; message: KeyMessage }
  /** Media of somebody are there. */
  | { type: "seen"; participant: string }
  | { type: "left"; participant: string }
  | { type: "made"; round: Round; publicKey: string; commitment: string }
  | { type: "checked"; round: Round; participant: string; isTrue: boolean }
  | { type: "wrapped"; round: Round; wraps: Record<string, string> }
  | { type: "opened"; round: Round; participant: string; isTrue: boolean }
  | { type: "tick" };

export type Effect =
  | { do: "send"; to?: string; message: KeyMessage }
  /** Makes this round's key pair and its hash: `made`. */
  | { do: "make"; round: Round; members: Member[] }
  /** Compares a public key with its hash: `checked`. */
  | { do: "check"; round: Round; participant: string; instance: string; publicKey: string; commitment: string }
  /** All public keys are there: makes the code and the wrapped frame keys (`wrapped`). */
  | { do: "wrap"; round: Round; members: Member[]; keys: Record<string, string> }
  /** Opens another's wrapped frame key: `opened`. */
  | { do: "open"; round: Round; participant: string; wrapped: string }
  /** From now on this round's own frame key seals what is sent. */
  | { do: "use"; round: Round }
  /** Nobody is left to send to: the last key seals nothing more. */
  | { do: "silence" }
  | { do: "forget"; participant: string }
  | { do: "refuse"; why: Breach };

export type Step = [State, Effect[]];

export function newState(me: Member): State {
  return { me, number: 0, rounds: 0, known: {}, asked: {}, current: null, sharers: [], breach: null };
}

export function advance(s: State, event: Event, nonce: () => string): Step {
  if (s.breach) return [s, []];
  switch (event.type) {
    case "start":
      return [s, [hello(s)]];
    case "message":
      return onMessage(s, event.from, event.message, nonce);
    case "seen":
      return onSeen(s, event.participant);
    case "left":
      return onLeft(s, event.participant, nonce);
    case "made":
      return onMade(s, event);
    case "checked":
      return onChecked(s, event);
    case "wrapped":
      return inRound(s, event.round, (c) => goOn(s, { ...c, wraps: event.wraps }, wrapsOf(c.round, event.wraps)));
    case "opened":
      return onOpened(s, event);
    case "tick":
      return onTick(s, nonce);
  }
}

/** Whether everybody who is there has the keys of all, as far as this page knows. */
export function isSettled(s: State): boolean {
  const others = Object.keys(s.known);
  if (others.length === 0) return true;
  const c = s.current;
  return c !== null && c.isInUse && hasAllKeys(s, c) && c.satisfied.length === c.members.length - 1 && others.every((one) => isIn(c, one));
}

/** Whether what this page sends is sealed, and it can open what everybody else sends who is there. */
export function isEncrypted(s: State): boolean {
  const c = s.current;
  if (!c || s.breach) return false;
  return c.isInUse && hasAllKeys(s, c) && Object.keys(s.known).every((one) => isIn(c, one));
}

/** Of two rounds the one that holds. */
export function isNewer(a: Round, b: Round): boolean {
  if (a.number !== b.number) return a.number > b.number;
  if (a.opener !== b.opener) return a.opener > b.opener;
  return a.nonce > b.nonce;
}

function isSame(a: Round, b: Round): boolean {
  return a.number === b.number && a.opener === b.opener && a.nonce === b.nonce;
}

function isIn(c: Current, participant: string): boolean {
  return c.members.some((one) => one.participant === participant);
}

function hasAllKeys(s: State, c: Current): boolean {
  return c.members.every(({ participant }) => participant === s.me.participant || c.opened.includes(participant));
}

function hello(s: State): Effect {
  return { do: "send", message: { step: "hello", instance: s.me.instance, number: s.number } };
}

function inRound(s: State, round: Round, then: (c: Current) => Step): Step {
  return s.current && isSame(s.current.round, round) ? then(s.current) : [s, []];
}

function refuse(s: State, why: Breach): Step {
  return [{ ...s, breach: why, current: null, sharers: [] }, [{ do: "silence" }, { do: "refuse", why }]];
}

function onSeen(s: State, participant: string): Step {
  if (participant === s.me.participant || participant in s.known) return [s, []];
  const next = { ...s, known: { ...s.known, [participant]: "" } };
  return [next, [hello(next)]];
}

function onMessage(s: State, from: string, message: KeyMessage, nonce: () => string): Step {
  if (from === s.me.participant) return [s, []];
  switch (message.step) {
    case "hello":
      return onHello(s, from, message.instance, message.number, nonce);
    case "commit":
      return onCommit(s, from, message);
    case "reveal":
      return inRound(s, message.round, (c) => onReveal(s, c, from, message.public_key));
    case "wrap":
      return inRound(s, message.round, (c) => onWrap(s, c, from, message.wrapped));
    case "have":
      return inRound(s, message.round, (c) => {
        if (!isIn(c, from) || c.satisfied.includes(from)) return [s, []];
        return goOn(s, { ...c, satisfied: [...c.satisfied, from] }, []);
      });
  }
}

/** Somebody has no keys. Who is there longest needn't be known: the first of the others in order opens, or whoever is asked twice. */
function onHello(before: State, from: string, instance: string, number: number, nonce: () => string): Step {
  const s = { ...before, number: Math.max(before.number, number), known: { ...before.known, [from]: instance } };
  const isUnderWay = s.current?.members.some((one) => one.participant === from && one.instance === instance) && !isSettled(s);
  const asked = (s.asked[from] ?? 0) + 1;
  const next = { ...s, asked: { ...s.asked, [from]: asked } };
  if (isUnderWay && asked < 3) return [next, []];
  const others = Object.keys(s.known).filter((one) => one !== from && s.current && isIn(s.current, one));
  const isFirst = others.every((one) => s.me.participant < one);
  return isFirst || asked > 1 ? open(next, nonce) : [next, []];
}

/** Opens a round of all who are known by a page of theirs. */
function open(s: State, nonce: () => string): Step {
  const others = Object.entries(s.known)
    .filter(([, instance]) => instance !== "")
    .map(([participant, instance]) => ({ participant, instance }));
  if (others.length === 0 || others.length >= MAX_MEMBERS) return [{ ...s, current: null }, []];
  return adopt(s, { number: s.number + 1, opener: s.me.participant, nonce: nonce() }, [s.me, ...others]);
}

function adopt(s: State, round: Round, members: Member[]): Step {
  if (s.rounds >= MAX_ROUNDS) return refuse(s, "too_many");
  const sorted = [...members].sort((a, b) => (a.participant < b.participant ? -1 : 1));
  const current: Current = {
    round,
    members: sorted,
    commitments: {},
    unchecked: {},
    keys: {},
    early: {},
    wraps: null,
    opened: [],
    satisfied: [],
    isRevealed: false,
    isInUse: false,
    ticks: 0,
  };
  const known = { ...s.known };
  for (const { participant, instance } of members) if (participant !== s.me.participant) known[participant] = instance;
  const next: State = { ...s, known, asked: {}, number: Math.max(s.number, round.number), rounds: s.rounds + 1, current };
  return [next, [{ do: "make", round, members: sorted }]];
}

function isList(members: Member[]): boolean {
  const names = new Set(members.map((one) => one.participant));
  return names.size === members.length && members.length > 1 && members.length <= MAX_MEMBERS;
}

function isOfMine(s: State, members: Member[]): boolean {
  return members.some((one) => one.participant === s.me.participant && one.instance === s.me.instance);
}

function sameMembers(a: Member[], b: Member[]): boolean {
  const text = (list: Member[]) => list.map(nameOf).sort().join();
  return text(a) === text(b);
}

function onCommit(s: State, from: string, message: Extract<KeyMessage, { step: "commit" }>): Step {
  const { round, members, commitment } = message;
  if (!isList(members) || !members.some((one) => one.participant === from)) return [s, []];
  const isNext = !s.current || isNewer(round, s.current.round);
  if (isNext && !isOfMine(s, members)) {
    // A round without this page: it wasn't known yet, or was reloaded. The next tick says hello.
    return [{ ...s, number: Math.max(s.number, round.number) }, []];
  }
  if (isNext && round.number < s.number) return [s, []];
  const [next, effects] = isNext ? adopt(s, round, members) : ([s, []] as Step);
  const c = next.current;
  if (!c || !isSame(c.round, round)) return [next, effects];
  if (!sameMembers(c.members, members)) return refuse(s, "changed");
  const known = c.commitments[from];
  if (known !== undefined) return known === commitment ? answerAgain(next, c, from) : refuse(s, "changed");
  const [after, more] = goOn(next, { ...c, commitments: { ...c.commitments, [from]: commitment } }, []);
  return [after, [...effects, ...more]];
}

/** Somebody says the same again: perhaps what was said to them is lost. */
function answerAgain(s: State, c: Current, to: string): Step {
  if (!hasAllKeys(s, c)) return [s, []];
  return [s, [...saidTo(s, c, to).filter((one) => one.message.step !== "commit")]];
}

function onReveal(s: State, c: Current, from: string, publicKey: string): Step {
  const commitment = c.commitments[from];
  // Nobody reveals before all have committed: its commitment was lost, and comes again.
  if (!isIn(c, from) || commitment === undefined) return [s, []];
  const known = c.keys[from] ?? c.unchecked[from];
  if (known !== undefined) return known === publicKey ? [s, []] : refuse(s, "changed");
  const instance = c.members.find((one) => one.participant === from)?.instance ?? "";
  const current = { ...c, unchecked: { ...c.unchecked, [from]: publicKey } };
  return [{ ...s, current }, [{ do: "check", round: c.round, participant: from, instance, publicKey, commitment }]];
}

function onMade(s: State, { round, publicKey, commitment }: Extract<Event, { type: "made" }>): Step {
  return inRound(s, round, (c) => {
    const me = s.me.participant;
    const next = { ...c, commitments: { ...c.commitments, [me]: commitment }, keys: { ...c.keys, [me]: publicKey } };
    return goOn(s, next, [{ do: "send", message: { step: "commit", round, members: c.members, commitment } }]);
  });
}

function onChecked(s: State, { round, participant, isTrue }: Extract<Event, { type: "checked" }>): Step {
  return inRound(s, round, (c) => {
    const publicKey = c.unchecked[participant];
    if (publicKey === undefined) return [s, []];
    if (!isTrue) return refuse(s, "commitment");
    const { [participant]: _, ...unchecked } = c.unchecked;
    return goOn(s, { ...c, unchecked, keys: { ...c.keys, [participant]: publicKey } }, []);
  });
}

function onWrap(s: State, c: Current, from: string, wrapped: string): Step {
  if (!isIn(c, from) || c.opened.includes(from) || c.early[from] === wrapped) return [s, []];
  const current = { ...c, early: { ...c.early, [from]: wrapped } };
  const effects: Effect[] = c.wraps ? [{ do: "open", round: c.round, participant: from, wrapped }] : [];
  return [{ ...s, current }, effects];
}

function onOpened(s: State, { round, participant, isTrue }: Extract<Event, { type: "opened" }>): Step {
  return inRound(s, round, (c) => {
    const { [participant]: _, ...early } = c.early;
    // What can't be opened was changed on the way; the true one comes again, or never.
    if (!isTrue) return [{ ...s, current: { ...c, early } }, []];
    if (c.opened.includes(participant)) return [s, []];
    const next = { ...c, early, opened: [...c.opened, participant] };
    const isLast = hasAllKeys(s, next);
    return goOn(s, next, isLast ? [{ do: "send", message: { step: "have", round } }] : []);
  });
}

/** Takes the steps for which everything is there now. */
function goOn(s: State, before: Current, effects: Effect[]): Step {
  let c = before;
  const all = c.members.length;
  const more = [...effects];
  const publicKey = c.keys[s.me.participant];
  if (!c.isRevealed && publicKey !== undefined && Object.keys(c.commitments).length === all) {
    c = { ...c, isRevealed: true };
    more.push({ do: "send", message: { step: "reveal", round: c.round, public_key: publicKey } });
  }
  if (c.isRevealed && !c.wraps && Object.keys(c.keys).length === all) {
    c = { ...c, wraps: {} };
    more.push({ do: "wrap", round: c.round, members: c.members, keys: c.keys });
    for (const [participant, wrapped] of Object.entries(c.early)) {
      more.push({ do: "open", round: c.round, participant, wrapped });
    }
  }
  // Where nobody has the old key every moment counts. Otherwise it serves until everybody has the new one.
  const isDue = c.satisfied.length === all - 1 || !othersOf(s, c).some((one) => s.sharers.includes(nameOf(one)));
  return isDue ? inUse(s, c, more) : [{ ...s, current: c }, more];
}

/** What is sent is sealed with the round's own key from now on, as soon as that is on its way to all. */
function inUse(s: State, c: Current, effects: Effect[]): Step {
  const others = othersOf(s, c);
  const isReady = c.wraps !== null && Object.keys(c.wraps).length === others.length;
  if (!isReady || c.isInUse) return [{ ...s, current: c }, effects];
  const current = { ...c, isInUse: true };
  return [{ ...s, current, sharers: others.map(nameOf) }, [...effects, { do: "use", round: c.round }]];
}

function othersOf(s: State, c: Current): Member[] {
  return c.members.filter((one) => one.participant !== s.me.participant);
}

function nameOf({ participant, instance }: Member): string {
  return `${participant} ${instance}`;
}

type Send = Extract<Effect, { do: "send" }>;

function wrapsOf(round: Round, wraps: Record<string, string>): Send[] {
  return Object.entries(wraps).map(([to, wrapped]) => ({ do: "send", to, message: { step: "wrap", round, wrapped } }));
}

/** All that was said to somebody in this round. */
function saidTo(s: State, c: Current, to: string): Send[] {
  const { round, members } = c;
  const me = s.me.participant;
  const said: Send[] = [];
  const commitment = c.commitments[me];
  if (commitment !== undefined) said.push({ do: "send", to, message: { step: "commit", round, members, commitment } });
  if (c.isRevealed) said.push({ do: "send", to, message: { step: "reveal", round, public_key: c.keys[me] ?? "" } });
  const wrapped = c.wraps?.[to];
  if (wrapped !== undefined) said.push({ do: "send", to, message: { step: "wrap", round, wrapped } });
  if (hasAllKeys(s, c)) said.push({ do: "send", to, message: { step: "have", round } });
  return said;
}

function onLeft(before: State, participant: string, nonce: () => string): Step {
  const { [participant]: instance, ...known } = before.known;
  const { [participant]: _, ...asked } = before.asked;
  if (instance === undefined) return [before, []];
  const s = { ...before, known, asked };
  const effects: Effect[] = [{ do: "forget", participant }];
  if (Object.keys(known).length === 0) {
    return [{ ...s, current: null, sharers: [] }, [...effects, { do: "silence" }]];
  }
  if (!s.current || !isIn(s.current, participant)) return [s, effects];
  const isFirst = Object.keys(known).every((one) => s.me.participant < one);
  if (!isFirst) return [s, effects];
  const [next, more] = open(s, nonce);
  return [next, [...effects, ...more]];
}

/** While anything is missing: says again what may be lost, uses a new key that not everybody may have, asks anew. */
function onTick(s: State, nonce: () => string): Step {
  if (isSettled(s)) return [s, []];
  const c = s.current;
  if (!c) return [s, [hello(s)]];
  const isGone = c.members.some(({ participant }) => participant !== s.me.participant && !(participant in s.known));
  // Whoever should have opened a round without the one that left hasn't.
  if (isGone && c.ticks >= 2) return open(s, nonce);
  const ticked = { ...c, ticks: c.ticks + 1 };
  const effects: Effect[] = [];
  for (const { participant } of c.members) {
    if (participant === s.me.participant || c.satisfied.includes(participant)) continue;
    effects.push(...saidTo(s, c, participant));
  }
  const isUnknownThere = Object.keys(s.known).some((one) => !isIn(c, one));
  if (isUnknownThere || ticked.ticks % 4 === 0) effects.push(hello(s));
  return c.ticks >= 1 ? inUse(s, ticked, effects) : [{ ...s, current: ticked }, effects];
}
