from concurrent.futures import ThreadPoolExecutor

from app.sentiment.cache import Cache


def test_what_was_put_is_got():
    cache: Cache[int] = Cache(2, "r1")
    assert cache.get("a") is None
    cache.put("a", 1)
    assert cache.get("a") == 1


def test_the_least_recently_used_goes_first():
    cache: Cache[int] = Cache(2, "r1")
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_size_0_remembers_nothing():
    cache: Cache[int] = Cache(0, "r1")
    cache.put("a", 1)
    assert cache.get("a") is None
    assert len(cache) == 0


def test_another_revision_has_other_keys():
    assert Cache(1, "r1")._key("a") != Cache(1, "r2")._key("a")


def test_it_stays_bounded_under_threads():
    cache: Cache[int] = Cache(50, "r1")

    def use(n: int) -> None:
        for i in range(200):
            cache.put(str((n * i) % 97), i)
            cache.get(str(i % 97))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    assert len(cache) == 50
