"""Password hashes: Argon2id with the first parameters that OWASP recommends.

https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
threads = ThreadPoolExecutor(2, "passwords")  # each hash takes 19 MiB
NOBODYS = hasher.hash("")


async def make_hash(password: str) -> str:
    """Hash a new password."""
    return await asyncio.get_running_loop().run_in_executor(threads, hasher.hash, password)


async def verify(password_hash: str | None, password: str) -> bool:
    """Check a password.

    It takes equally long without a hash, so timing does not reveal whether an account exists.
    """
    loop = asyncio.get_running_loop()
    correct = await loop.run_in_executor(threads, _verify, password_hash or NOBODYS, password)
    return correct and password_hash is not None


def _verify(password_hash: str, password: str) -> bool:
    try:
        return hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Return whether the hash uses outdated parameters."""
    return hasher.check_needs_rehash(password_hash)
