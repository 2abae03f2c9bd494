// What the server is told of the pictures' sizes, and when.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrackView } from "./protocol.ts";
import { fittingHeight, isWorthTelling, Views } from "./views.ts";

const view = (height: number, track = "a"): TrackView => ({ track, height });

test("small changes are not worth telling, seen or unseen always is", () => {
  assert.equal(isWorthTelling([], [view(720)]), true);
  assert.equal(isWorthTelling([view(720)], [view(660)]), false);
  assert.equal(isWorthTelling([view(720)], [view(640)]), true);
  assert.equal(isWorthTelling([view(720)], [view(800)]), true);
  assert.equal(isWorthTelling([view(720)], [view(0)]), true);
  assert.equal(isWorthTelling([view(0)], [view(1)]), true);
  assert.equal(isWorthTelling([view(720)], [view(720), view(90, "b")]), true);
  assert.equal(isWorthTelling([view(720), view(90, "b")], [view(720)]), false, "who has left needs no word");
});

test("a picture that fits is as tall as its shape allows", () => {
  assert.equal(fittingHeight({ width: 320, height: 600 }, { width: 1280, height: 720 }), 180);
  assert.equal(fittingHeight({ width: 1280, height: 360 }, { width: 1280, height: 720 }), 360);
  assert.equal(fittingHeight({ width: 320, height: 600 }, { width: 0, height: 0 }), 600);
});

function toldBy(isHeard = true): { views: Views; told: TrackView[][] } {
  const told: TrackView[][] = [];
  const views = new Views({
    tell: (tracks) => {
      told.push(tracks);
      return Promise.resolve(isHeard);
    },
  });
  return { views, told };
}

test("the first size is told at once, later ones when they have settled", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { views, told } = toldBy();
  views.show("a", 720);
  assert.deepEqual(told, [[view(720)]]);
  for (const height of [600, 500, 400, 360]) {
    views.show("a", height);
    context.mock.timers.tick(200);
  }
  assert.equal(told.length, 1);
  context.mock.timers.tick(100);
  assert.deepEqual(told[1], [view(360)]);
  views.show("a", 350);
  context.mock.timers.tick(1000);
  assert.equal(told.length, 2);
});

test("a hidden page asks for nothing after a while, and for everything at once when it is seen again", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { views, told } = toldBy();
  views.show("a", 720);
  views.setHidden(true);
  context.mock.timers.tick(4_900);
  views.setHidden(false);
  context.mock.timers.tick(10_000);
  assert.equal(told.length, 1, "a short look away changes nothing");
  views.setHidden(true);
  context.mock.timers.tick(5_000);
  assert.deepEqual(told[1], [view(0)]);
  views.setHidden(false);
  assert.deepEqual(told[2], [view(720)]);
});

test("a new seat is told everything again, and what wasn't heard is told with the next size", async () => {
  const { views, told } = toldBy();
  views.show("a", 720);
  views.repeat();
  assert.deepEqual(told, [[view(720)], [view(720)]]);
  views.forget("a");
  views.repeat();
  assert.equal(told.length, 2, "nothing is shown any more");

  const deaf = toldBy(false);
  deaf.views.show("a", 720);
  await Promise.resolve();
  await Promise.resolve();
  deaf.views.show("a", 720);
  assert.equal(deaf.told.length, 2);
});

