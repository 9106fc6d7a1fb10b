// The order book of sim/market/book.py and orders.py once more, in C++, on the same bytes: the reference of the benchmark.
//
// Same tables, same columns, same lists, same sums, same bitmap; each struct has the layout of the table of its name, and
// replay() works on memory that Python owns. After the same messages both memories must hold the same bytes.
// Built by workload.py: g++ -O3 -march=native -shared -fPIC.

#include <cstdint>

namespace {

using i8 = std::int64_t;

struct Order {
    i8 price_ticks, size_lots;
    std::int32_t next, prev, owner_next, owner_prev, account, generation;
    std::int16_t book;
    std::int8_t side, flags;
};
struct Pool { i8 free, fresh, live; };
struct OpenOrders { i8 head, buy_lots, sell_lots, buy_value, sell_value; };
struct Book { i8 best_bid, best_ask, base_ticks, last_ticks, unit_uusd, volume_lots, signed_lots, bid_lots, ask_lots; };
struct Level { std::int32_t head, tail; i8 size_lots; };
struct Message { std::int32_t kind, side, price_ticks, lots, account, names; };

constexpr i8 WINDOW = 1 << 16, WORDS = WINDOW >> 5, SUMMARY = WORDS >> 5;
constexpr i8 NO_BID = 0, NO_ASK = i8(1) << 40, SLOTS = 1 << 24;
constexpr i8 BUY = 1;
enum { ADD, CANCEL, MARKET };

struct Market {
    Order *orders;
    Pool *pool;
    OpenOrders *open_orders;
    Book *book;
    Level *levels;
    i8 *bits;

    void raise_bit(i8 place) {
        i8 &word = bits[place >> 5];
        if (word == 0) {
            bits[WORDS + (place >> 10)] |= i8(1) << ((place >> 5) & 31);
            bits[WORDS + SUMMARY + (place >> 15)] |= i8(1) << ((place >> 10) & 31);
        }
        word |= i8(1) << (place & 31);
    }

    void lower_bit(i8 place) {
        i8 &word = bits[place >> 5];
        word ^= i8(1) << (place & 31);
        if (word != 0) return;
        i8 &middle = bits[WORDS + (place >> 10)];
        middle ^= i8(1) << ((place >> 5) & 31);
        if (middle == 0) bits[WORDS + SUMMARY + (place >> 15)] ^= i8(1) << ((place >> 10) & 31);
    }

    static i8 lowest(i8 word) { return __builtin_ctzll(word); }
    static i8 highest(i8 word) { return 63 - __builtin_clzll(word); }

    i8 next_above(i8 place) const {
        i8 rest = bits[place >> 5] >> (place & 31) >> 1;
        if (rest) return place + 1 + lowest(rest);
        i8 word = place >> 5;
        rest = bits[WORDS + (word >> 5)] >> (word & 31) >> 1;
        if (rest) {
            word += 1 + lowest(rest);
        } else {
            i8 middle = word >> 5, top = middle >> 5;
            rest = bits[WORDS + SUMMARY + top] >> (middle & 31) >> 1;
            if (rest) middle += 1 + lowest(rest);
            else if (top == 0 && bits[WORDS + SUMMARY + 1]) middle = 32 + lowest(bits[WORDS + SUMMARY + 1]);
            else return -1;
            word = (middle << 5) + lowest(bits[WORDS + middle]);
        }
        return (word << 5) + lowest(bits[word]);
    }

    i8 next_below(i8 place) const {
        i8 rest = bits[place >> 5] & ((i8(1) << (place & 31)) - 1);
        if (rest) return (place >> 5 << 5) + highest(rest);
        i8 word = place >> 5;
        rest = bits[WORDS + (word >> 5)] & ((i8(1) << (word & 31)) - 1);
        if (rest) {
            word = (word >> 5 << 5) + highest(rest);
        } else {
            i8 middle = word >> 5, top = middle >> 5;
            rest = bits[WORDS + SUMMARY + top] & ((i8(1) << (middle & 31)) - 1);
            if (rest) middle = (top << 5) + highest(rest);
            else if (top == 1 && bits[WORDS + SUMMARY]) middle = highest(bits[WORDS + SUMMARY]);
            else return -1;
            word = (middle << 5) + highest(bits[WORDS + middle]);
        }
        return (word << 5) + highest(bits[word]);
    }

    i8 insert(i8 account, i8 side, i8 price_ticks, i8 lots) {
        i8 slot = pool->free;
        if (slot == 0) slot = pool->fresh++;
        else pool->free = orders[slot].next;
        pool->live++;
        OpenOrders &mine = open_orders[account * 2];
        Order &o = orders[slot];
        o.price_ticks = price_ticks;
        o.size_lots = lots;
        o.next = o.prev = 0;
        o.owner_next = mine.head;
        o.owner_prev = 0;
        o.account = account;
        o.generation++;
        o.book = 0;
        o.side = side;
        o.flags = 0;
        if (mine.head) orders[mine.head].owner_prev = slot;
        mine.head = slot;
        if (side == BUY) {
            mine.buy_lots += lots;
            mine.buy_value += price_ticks * lots;
        } else {
            mine.sell_lots += lots;
            mine.sell_value += price_ticks * lots;
        }
        i8 place = price_ticks - book->base_ticks;
        Level &level = levels[place];
        if (level.tail == 0) {
            level.head = slot;
            raise_bit(place);
            if (side == BUY) {
                if (price_ticks > book->best_bid) book->best_bid = price_ticks;
            } else if (price_ticks < book->best_ask) book->best_ask = price_ticks;
        } else {
            o.prev = level.tail;
            orders[level.tail].next = slot;
        }
        level.tail = slot;
        level.size_lots += lots;
        (side == BUY ? book->bid_lots : book->ask_lots) += lots;
        return slot;
    }

    void take_from_owner(OpenOrders &mine, i8 side, i8 price_ticks, i8 lots) {
        if (side == BUY) {
            mine.buy_lots -= lots;
            mine.buy_value -= price_ticks * lots;
        } else {
            mine.sell_lots -= lots;
            mine.sell_value -= price_ticks * lots;
        }
    }

    void remove(i8 slot) {
        Order &o = orders[slot];
        i8 side = o.side, place = o.price_ticks - book->base_ticks, before = o.prev, after = o.next;
        Level &level = levels[place];
        level.size_lots -= o.size_lots;
        (side == BUY ? book->bid_lots : book->ask_lots) -= o.size_lots;
        if (before) orders[before].next = after;
        else level.head = after;
        if (after) orders[after].prev = before;
        else level.tail = before;
        OpenOrders &mine = open_orders[o.account * 2];
        take_from_owner(mine, side, o.price_ticks, o.size_lots);
        o.size_lots = 0;
        if (o.owner_prev) orders[o.owner_prev].owner_next = o.owner_next;
        else mine.head = o.owner_next;
        if (o.owner_next) orders[o.owner_next].owner_prev = o.owner_prev;
        o.next = pool->free;
        pool->free = slot;
        pool->live--;
        if (level.head) return;
        lower_bit(place);
        if (side == BUY) {
            if (o.price_ticks == book->best_bid) {
                i8 below = next_below(place);
                book->best_bid = below < 0 ? NO_BID : below + book->base_ticks;
            }
        } else if (o.price_ticks == book->best_ask) {
            i8 above = next_above(place);
            book->best_ask = above < 0 ? NO_ASK : above + book->base_ticks;
        }
    }

    void fill(i8 slot, i8 lots) {
        Order &o = orders[slot];
        if (lots == o.size_lots) return remove(slot);
        levels[o.price_ticks - book->base_ticks].size_lots -= lots;
        (o.side == BUY ? book->bid_lots : book->ask_lots) -= lots;
        o.size_lots -= lots;
        take_from_owner(open_orders[o.account * 2], o.side, o.price_ticks, lots);
    }

    i8 first(i8 side) const {
        i8 price_ticks = side == BUY ? book->best_bid : book->best_ask;
        if (price_ticks == NO_BID || price_ticks == NO_ASK) return 0;
        return levels[price_ticks - book->base_ticks].head;
    }

    i8 slot_of(i8 name, i8 slots) const {
        i8 slot = name & (SLOTS - 1);
        if (slot <= 0 || slot >= slots || orders[slot].size_lots == 0) return 0;
        return orders[slot].generation == name >> 24 ? slot : 0;
    }
};

}  // namespace

// Returns the checksum of all fills. `names` remembers the handle of each order added, `fills` how many there were.
extern "C" i8 replay(Order *orders, i8 slots, Pool *pool, OpenOrders *open_orders, Book *book, Level *levels, i8 *bits,
                     const Message *messages, i8 count, i8 *names, i8 *fills) {
    Market market{orders, pool, open_orders, book, levels, bits};
    std::uint64_t sum = 0;
    i8 number = 0;
    for (i8 n = 0; n < count; n++) {
        const Message &m = messages[n];
        if (m.kind == ADD) {
            i8 slot = market.insert(m.account, m.side, m.price_ticks, m.lots);
            names[m.names] = i8(orders[slot].generation) * SLOTS + slot;
        } else if (m.kind == CANCEL) {
            i8 slot = market.slot_of(names[m.names], slots);
            if (slot) market.remove(slot);
        } else {
            i8 lots = m.lots;
            while (lots > 0) {
                i8 slot = market.first(-m.side);
                if (slot == 0) break;
                i8 price_ticks = orders[slot].price_ticks;
                i8 quantity = lots < orders[slot].size_lots ? lots : orders[slot].size_lots;
                sum = sum * 31 + std::uint64_t(price_ticks * 1024 + orders[slot].account * 16 + quantity);
                number++;
                market.fill(slot, quantity);
                book->last_ticks = price_ticks;
                book->volume_lots += quantity;
                book->signed_lots += m.side * quantity;
                lots -= quantity;
            }
        }
    }
    *fills = number;
    return i8(sum);
}
