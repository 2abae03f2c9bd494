//! What is done to appointments in Redis: each change is one script, all or nothing.

use std::sync::LazyLock;

use redis::Script;

use crate::letters;

const COUNT: &str = "
local function taken(key, start)
  local all, web = 0, 0
  for _, channel in ipairs({'web', 'phone', 'walk_in'}) do
    local n = tonumber(redis.call('HGET', key, start .. '/' .. channel) or 0)
    all = all + n
    if channel == 'web' then web = n end
  end
  return all, web
end
local function has_room(key, start, channel, capacity, web_share)
  local all, web = taken(key, start)
  return all < tonumber(capacity) and (channel ~= 'web' or web < tonumber(web_share))
end
";

/// KEYS: link, record, person, the day's counters, agenda, letters. ARGV: id, record, person, start, channel, capacity,
/// web's share, when the person is deleted, when the record is, then letters with when they are due.
pub(super) static BOOK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{COUNT}{post}
         local had = redis.call('GET', KEYS[1])
         if had then return {{2, had}} end
         if not has_room(KEYS[4], ARGV[4], ARGV[5], ARGV[6], ARGV[7]) then return {{0, ''}} end
         redis.call('HINCRBY', KEYS[4], ARGV[4] .. '/' .. ARGV[5], 1)
         redis.call('PEXPIREAT', KEYS[4], ARGV[9])
         redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[9])
         redis.call('SET', KEYS[2], ARGV[2], 'PXAT', ARGV[9])
         redis.call('SET', KEYS[3], ARGV[3], 'PXAT', ARGV[8])
         redis.call('ZADD', KEYS[5], ARGV[4], ARGV[1])
         post(KEYS[6], 10)
         return {{1, ARGV[1]}}",
        post = letters::POST
    ))
});

/// KEYS: record, person, the old day's counters, the new day's, agenda, letters. ARGV: version, record, id, old start,
/// new start, channel, capacity, web's share, when the person is deleted, when the record is, then letters with when they
/// are due.
pub(super) static MOVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{COUNT}{post}
         local old = redis.call('GET', KEYS[1])
         if not old or cjson.decode(old).version ~= tonumber(ARGV[1]) then return -1 end
         redis.call('HINCRBY', KEYS[3], ARGV[4] .. '/' .. ARGV[6], -1)
         if not has_room(KEYS[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]) then
           redis.call('HINCRBY', KEYS[3], ARGV[4] .. '/' .. ARGV[6], 1)
           return 0
         end
         redis.call('HINCRBY', KEYS[4], ARGV[5] .. '/' .. ARGV[6], 1)
         redis.call('PEXPIREAT', KEYS[4], ARGV[10])
         redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[10])
         redis.call('PEXPIREAT', KEYS[2], ARGV[9])
         redis.call('ZADD', KEYS[5], ARGV[5], ARGV[3])
         post(KEYS[6], 11)
         return 1",
        post = letters::POST
    ))
});

/// KEYS: record, person, the day's counters, letters. ARGV: version, record, start, channel, whether the place is free
/// again, when the person is deleted, when the record is, then letters with when they are due.
pub(super) static CLOSE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{post}
         local old = redis.call('GET', KEYS[1])
         if not old or cjson.decode(old).version ~= tonumber(ARGV[1]) then return -1 end
         redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[7])
         redis.call('PEXPIREAT', KEYS[2], ARGV[6], 'LT')
         if ARGV[5] == '1' then redis.call('HINCRBY', KEYS[3], ARGV[3] .. '/' .. ARGV[4], -1) end
         post(KEYS[4], 8)
         return 1",
        post = letters::POST
    ))
});

/// KEYS: record. ARGV: version, record.
pub(super) static EDIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local old = redis.call('GET', KEYS[1])
         if not old or cjson.decode(old).version ~= tonumber(ARGV[1]) then return -1 end
         redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
         return 1",
    )
});

/// KEYS: short code. ARGV: appointment, until when. Another appointment's code is left alone.
pub(super) static SHORT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2], 'NX') then return 1 end
         return 0",
    )
});

/// KEYS: short code, new link. ARGV: before the id in the record's key. A short code works once: it becomes a link.
pub(super) static OPEN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local id = redis.call('GETDEL', KEYS[1])
         if not id then return '' end
         local until_at = redis.call('PEXPIRETIME', ARGV[1] .. id)
         if until_at < 0 then return '' end
         redis.call('SET', KEYS[2], id, 'PXAT', until_at)
         return id",
    )
});

/// KEYS: record, new link. ARGV: id. One more link to the same appointment.
pub(super) static LINK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local until_at = redis.call('PEXPIRETIME', KEYS[1])
         if until_at < 0 then return 0 end
         redis.call('SET', KEYS[2], ARGV[1], 'PXAT', until_at)
         return 1",
    )
});

/// KEYS: link. ARGV: how long to remember. What was booked by it is given back as its id.
pub(super) static GIVE_UP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local had = redis.call('GET', KEYS[1])
         if had then return had end
         redis.call('SET', KEYS[1], 'given-up', 'PX', ARGV[1])
         return 'given-up'",
    )
});

/// KEYS: person, letters. ARGV: the person as it was read, the person as it is to be, then letters with when they are due.
pub(super) static PERSON: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{post}
         if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
         redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
         post(KEYS[2], 3)
         return 1",
        post = letters::POST
    ))
});
