"""Parts that change the network before the task is learnt."""
