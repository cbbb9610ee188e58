FROM debian
RUN pip install --no-cache-dir -r requirements.txt && python3 -m pip install --no-cache-dir wheel
