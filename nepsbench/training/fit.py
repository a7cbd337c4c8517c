"""Which recipe goes with which space and which dataset: asked before anything runs."""

from __future__ import annotations

from nepsbench.errors import SpecError
from nepsbench.spaces import Space
from nepsbench.training.recipe import Recipe, get_recipe, recipe_files


def own_recipe(space: Space) -> str:
    """Return the name of the recipe that a space is trained by unless another is asked for.

    Raises:
        SpecError: If the space has none.
    """
    if space.name not in recipe_files():
        raise SpecError(
            f"space {space.name} has no recipe of its own; name one of: {', '.join(recipe_files())}"
        )
    return space.name


def fitting_recipe(name: str, space: Space, dataset: str) -> Recipe:
    """Return the recipe called ``name`` if it goes with a space and a dataset.

    Raises:
        SpecError: If there is no such recipe, or it does not.
    """
    recipe = get_recipe(name)
    missing = recipe.reads.difference(space.names)
    if missing:
        raise SpecError(
            f"recipe {name} takes {', '.join(sorted(missing))} from the configuration, which space "
            f"{space.name} does not have; choose another recipe"
        )
    unread = set(space.training) - recipe.reads.union(recipe.ignores)
    if unread:
        raise SpecError(
            f"recipe {name} takes no notice of {', '.join(sorted(unread))}, which space "
            f"{space.name} searches; choose another recipe"
        )
    recipe.on(dataset)
    return recipe
