-- Which node holds a room: the one that has it while it lives, else the least loaded that takes new rooms.
-- KEYS: the set of nodes, the room's place.
-- ARGV: prefix of nodes' records, prefix of their counters of rooms given, how long a place and a counter are kept
-- (milliseconds), what a participant costs (thousandths of a core), participants that a new room will have.
local place, record_of, given_of = KEYS[2], ARGV[1], ARGV[2]
local place_kept, given_kept = ARGV[3], ARGV[4]
local participant_cost, room_size = tonumber(ARGV[5]), tonumber(ARGV[6])

-- A draining node keeps its rooms until it lets them go.
local held = redis.call('GET', place)
if held then
  local record = redis.call('GET', record_of .. held)
  if record then
    redis.call('PEXPIRE', place, place_kept)
    return record
  end
end

-- A heartbeat is up to a moment old: rooms given since then are counted as if their people were there.
local best, best_id, least
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local record = redis.call('GET', record_of .. id)
  if not record then
    redis.call('SREM', KEYS[1], id)
  else
    local node = cjson.decode(record)
    if not node.draining then
      local given = tonumber(redis.call('GET', given_of .. id) or 0)
      local people = node.participants + given * room_size
      local load = (node.load_permille or 0) + people * participant_cost / math.max(node.workers or 1, 1)
      -- Equal nodes: by name, so that the choice doesn't hang on the set's order.
      if not least or load < least or (load == least and id < best_id) then
        best, best_id, least = record, id, load
      end
    end
  end
end
if not best then
  return false
end
if redis.call('INCR', given_of .. best_id) == 1 then
  redis.call('PEXPIRE', given_of .. best_id, given_kept)
end
redis.call('SET', place, best_id, 'PX', place_kept)
return best
