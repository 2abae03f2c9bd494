-- One observation in, the area's state out, in one atomic step.
-- KEYS: 1 the observations' stream, 2 the sources' last words (hash), 3 the state (hash)
-- ARGV: 1 now, 2 source, 3 observed at, 4 count or "", 5 capacity, 6 moderate from, 7 busy from,
--       8 hysteresis, 9 stale after, 10 wake channel, 11 topic, 12 observations to keep, 13 how long   (times in ms)
local now, source, at = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local count = ARGV[4]
local capacity, moderate, busy = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local hysteresis, stale = tonumber(ARGV[8]), tonumber(ARGV[9])

-- A sensor's clock may run ahead: nothing is observed after now.
if at > now then at = now end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[12], '*', 'source', source, 'at', at, 'count', count)
-- Entries are named by the server's clock. Those too old go; when nobody observes any more, all of them.
local clock = redis.call('TIME')
local oldest = clock[1] * 1000 + math.floor(clock[2] / 1000) - tonumber(ARGV[13])
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', oldest))
redis.call('PEXPIRE', KEYS[1], ARGV[13])

-- What is older than the source's last word came late: it is history, not state.
local last = redis.call('HGET', KEYS[2], source)
if not last or tonumber(string.match(last, '^(%d+):')) <= at then
  redis.call('HSET', KEYS[2], source, at .. ':' .. count)
end

-- The area's count: the largest of its fresh sources. Sources that fell silent don't count.
local people, observed = nil, nil
local words = redis.call('HGETALL', KEYS[2])
for i = 1, #words, 2 do
  local then_at, then_count = string.match(words[i + 1], '^(%d+):(%d*)$')
  then_at, then_count = tonumber(then_at), tonumber(then_count)
  if now - then_at > stale then
    redis.call('HDEL', KEYS[2], words[i])
  elseif then_count then
    if not people or then_count > people then people = then_count end
    if not observed or then_at > observed then observed = then_at end
  end
end

local old = {}
local fields = redis.call('HGETALL', KEYS[3])
for i = 1, #fields, 2 do old[fields[i]] = fields[i + 1] end

-- The level rises at its threshold and falls only when the count is `hysteresis` below it.
local order = { free = 0, moderate = 1, busy = 2, full = 3 }
local names = { [0] = 'free', 'moderate', 'busy', 'full' }
local from = { [0] = 0, moderate, busy, capacity }
local level = 'unknown'
if people then
  local rank = 0
  for r = 1, 3 do if people >= from[r] then rank = r end end
  local held = order[old.level]
  if held then
    while held > rank and people < from[held] - hysteresis do held = held - 1 end
    if held > rank then rank = held end
  end
  level = names[rank]
end

-- The trend: against an average that forgets in ten minutes.
local trend, average = 'steady', nil
if people then
  average = tonumber(old.average)
  local before = tonumber(old.averaged_at)
  if average and before and now > before then
    local share = 1 - math.exp((before - now) / 600000)
    average = average + (people - average) * share
  elseif not average then
    average = people
  end
  local margin = math.max(1, average * 0.15)
  if people > average + margin then trend = 'rising' elseif people < average - margin then trend = 'falling' end
end

local version, changed_at = tonumber(old.version) or 0, old.changed_at or '0'
local shown = people and tostring(people) or ''
local changed = old.count ~= shown or old.level ~= level or old.trend ~= trend
if changed then version = version + 1 end
if old.level ~= level then changed_at = ARGV[1] end
redis.call('HSET', KEYS[3], 'count', shown, 'level', level, 'trend', trend, 'version', version,
  'changed_at', changed_at, 'observed_at', observed or '', 'average', average and tostring(average) or '',
  'averaged_at', ARGV[1])
if not people then redis.call('HDEL', KEYS[3], 'average', 'averaged_at') end
if changed then redis.call('PUBLISH', ARGV[10], ARGV[11]) end
return redis.call('HMGET', KEYS[3], 'count', 'level', 'trend', 'observed_at', 'changed_at', 'version')
