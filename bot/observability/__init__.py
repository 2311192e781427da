"""What operators see of a running bot: its log, its metrics, whether the services answer."""
