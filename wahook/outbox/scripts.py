"""What must happen in Redis at one moment, as Lua. Key names are RQ's.

A lane is the only consumer of its queues, so an id that is in none of the list, the intermediate list and the
registry of started jobs is nowhere.
"""

from __future__ import annotations

from typing import Final

# KEYS: mark, RQ's sign of a suspension, then list, scheduled registry, intermediate list and started registry
# for each priority.
# -> {marked, suspended, in the lists, scheduled, taken, the first date as text or ""}
LOOK: Final = """
local queued, scheduled, taken, due = 0, 0, 0, false
for i = 3, #KEYS, 4 do
    queued = queued + redis.call('LLEN', KEYS[i])
    taken = taken + redis.call('LLEN', KEYS[i + 2]) + redis.call('ZCARD', KEYS[i + 3])
    local first = redis.call('ZRANGE', KEYS[i + 1], 0, 0, 'WITHSCORES')
    if first[1] then
        scheduled = scheduled + redis.call('ZCARD', KEYS[i + 1])
        if not due or tonumber(first[2]) < tonumber(due) then due = first[2] end
    end
end
local marked, suspended = redis.call('EXISTS', KEYS[1]), redis.call('EXISTS', KEYS[2])
return {marked, suspended, queued, scheduled, taken, due or ''}
"""

# KEYS: mark, then list and intermediate list for each priority. ARGV: the id that must come first, or "".
# -> {0} nothing there, {-1} the mark is gone, {i, id, name, value, name, value, …} popped from the i-th list,
# with its job's fields.
POP: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return {-1} end
local function found(i, id)
    return {i / 2, id, unpack(redis.call('HGETALL', 'rq:job:' .. id))}
end
if ARGV[1] ~= '' then
    for i = 2, #KEYS, 2 do
        if redis.call('LREM', KEYS[i], 1, ARGV[1]) == 1 then
            redis.call('RPUSH', KEYS[i + 1], ARGV[1])
            return found(i, ARGV[1])
        end
    end
end
for i = 2, #KEYS, 2 do
    local id = redis.call('LMOVE', KEYS[i], KEYS[i + 1], 'LEFT', 'RIGHT')
    if id then return found(i, id) end
end
return {0}
"""

# After a life that ended in the middle. KEYS: list, intermediate list, started registry.
# -> the ids that were put back in front.
RECOVER: Final = """
local found, seen = {}, {}
for _, entry in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
    local id = string.match(entry, '^(.*):[^:]*$') or entry
    if not seen[id] then seen[id] = true; found[#found + 1] = id end
end
for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
    if not seen[id] then seen[id] = true; found[#found + 1] = id end
end
for i = #found, 1, -1 do
    redis.call('LREM', KEYS[1], 0, found[i])
    redis.call('LPUSH', KEYS[1], found[i])
    if redis.call('EXISTS', 'rq:job:' .. found[i]) == 1 then
        redis.call('HSET', 'rq:job:' .. found[i], 'status', 'queued')
    end
end
redis.call('DEL', KEYS[2], KEYS[3])
return found
"""

# KEYS: list, scheduled registry. ARGV: now in Unix seconds. Moves what is due, by date, then by acceptance.
DUE: Final = """
local entries = redis.call('ZRANGEBYSCORE', KEYS[2], 0, ARGV[1], 'WITHSCORES')
local due = {}
for i = 1, #entries, 2 do
    local created = redis.call('HGET', 'rq:job:' .. entries[i], 'created_at') or ''
    due[#due + 1] = {id = entries[i], at = tonumber(entries[i + 1]), created = created}
end
table.sort(due, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    if a.created ~= b.created then return a.created < b.created end
    return a.id < b.id
end)
for _, job in ipairs(due) do
    redis.call('ZREM', KEYS[2], job.id)
    redis.call('RPUSH', KEYS[1], job.id)
    if redis.call('EXISTS', 'rq:job:' .. job.id) == 1 then
        redis.call('HSET', 'rq:job:' .. job.id, 'status', 'queued')
    end
end
return #due
"""

# KEYS: list, intermediate list, started registry. ARGV: id, flag, id, flag, … in the right order, flag 1
# where the id is to be put if it is nowhere. What the list holds beyond stays behind. -> how many were put.
PLACE: Final = """
local held, waiting = {}, {}
for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do held[id] = true end
for _, entry in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
    held[string.match(entry, '^(.*):[^:]*$') or entry] = true
end
local list = redis.call('LRANGE', KEYS[1], 0, -1)
for _, id in ipairs(list) do waiting[id] = true end
local order, placed, added = {}, {}, 0
for i = 1, #ARGV, 2 do
    local id = ARGV[i]
    local here = waiting[id]
    if not here and ARGV[i + 1] == '1' and not held[id] then
        here = true
        added = added + 1
    end
    if here and not placed[id] then
        placed[id] = true
        order[#order + 1] = id
    end
end
if added == 0 then return 0 end
for _, id in ipairs(list) do
    if not placed[id] then
        placed[id] = true
        order[#order + 1] = id
    end
end
redis.call('DEL', KEYS[1])
for i = 1, #order, 1000 do
    redis.call('RPUSH', KEYS[1], unpack(order, i, math.min(i + 999, #order)))
end
return added
"""
