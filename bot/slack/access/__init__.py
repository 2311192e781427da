"""DeliveryRequests for access, and the answers of admins."""
